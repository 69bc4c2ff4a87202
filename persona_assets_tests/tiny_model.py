"""A causal model of random weights and one layer, which trains within a second."""

from pathlib import Path

from persona_assets.settings_sections import PACKAGED_MODEL


def write_tiny_model(folder: Path) -> Path:
    """Write it with the tokenizer of the packaged model, as transformers reads it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from persona_assets.llm.tokenizer import load_transformers_tokenizer

    tokenizer = load_transformers_tokenizer(PACKAGED_MODEL)
    tokenizer.save_pretrained(folder)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)
    return folder
