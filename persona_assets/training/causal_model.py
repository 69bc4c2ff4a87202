"""A causal language model of transformers: loaded by name, file or folder, and asked greedily."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.llm.tokenizer import (
    Chat,
    ChatTokenizer,
    load_transformers_tokenizer,
    locate_weights,
    wrap_tokenizer,
)

INSTALL = "pip install 'persona-assets[train]'"
ADAPTER_FILE = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class CausalModel:
    """A model with its tokenizer. `model`: of transformers, or of peft where adapters were trained."""

    model: Any
    tokenizer: Any
    name: str

    @property
    def chat(self) -> ChatTokenizer:
        """What encodes chats by the model's template."""
        return wrap_tokenizer(self.tokenizer, self.name)

    def answer(self, chats: Sequence[Chat], max_tokens: int, batch_size: int = 8) -> list[str]:
        """Answer chats greedily.

        Args:
            max_tokens: limit of an answer.
            batch_size: chats in flight at once.

        Returns:
            The answers, in order.
        """
        answers: list[str] = []
        # The longest first, so that a batch that is too large for memory fails at once.
        order = sorted(range(len(chats)), key=lambda place: -sum(len(turn["content"]) for turn in chats[place]))
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            answers += self._answer_batch([chats[place] for place in places], max_tokens)
        return [answer for _, answer in sorted(zip(order, answers, strict=True))]

    def _answer_batch(self, chats: Sequence[Chat], max_tokens: int) -> list[str]:
        import torch

        tokenizer = self.tokenizer
        texts = [
            tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True) for chat in chats
        ]
        with _padding(tokenizer, "left"), torch.no_grad():
            inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(self.model.device)
            written = self.model.generate(
                **inputs,
                max_new_tokens=max_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=tokenizer.pad_token_id,
            )
            length = inputs["input_ids"].shape[1]
            return [text.strip() for text in tokenizer.batch_decode(written[:, length:], skip_special_tokens=True)]


def load_causal_model(name: str | Path) -> CausalModel:
    """Load a model for training or asking.

    Args:
        name: a model id or folder of Hugging Face, a folder of adapters that `train_model` wrote, or an embedded model.

    Returns:
        The model, in 32-bit floats on a CPU, else as it is stored.

    Raises:
        ModelError: if it cannot be loaded, or what trains is not installed.
    """
    source = str(name)
    try:
        if (Path(source) / ADAPTER_FILE).is_file():
            return _load_adapted(source)
        return CausalModel(_load(source), load_transformers_tokenizer(source), source)
    except ImportError as error:
        raise ModelError(f"training: {error.name or error} is not installed. Run: {INSTALL}.") from None
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"training.base: {source} could not be loaded ({type(error).__name__}: {reason}). Name a model id or folder"
            " of Hugging Face, or an embedded model whose file transformers reads."
        ) from None


def _load(source: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    place, options = locate_weights(source)
    dtype = "auto" if torch.cuda.is_available() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **options)
    if not options:
        return model
    # Read from a GGUF file the weights are whole numbers no more, but the model is still marked as one that cannot
    # be trained.
    config = model.config
    del config.quantization_config
    whole = AutoModelForCausalLM.from_config(config, dtype=dtype)
    whole.load_state_dict(model.state_dict())
    whole.generation_config = model.generation_config
    return whole


def _load_adapted(folder: str) -> CausalModel:
    from peft import PeftConfig, PeftModel

    base = PeftConfig.from_pretrained(folder).base_model_name_or_path or ""
    return CausalModel(PeftModel.from_pretrained(_load(base), folder), load_transformers_tokenizer(folder), folder)


@contextmanager
def _padding(tokenizer: Any, side: str) -> Iterator[None]:
    before = tokenizer.padding_side
    tokenizer.padding_side = side
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    try:
        yield
    finally:
        tokenizer.padding_side = before
