"""A static model distilled from all-MiniLM-L6-v2: each token's vector alone, reduced and weighted by how rare it is.

The recipe of Model2Vec (Tulkens and van Dongen, 2024): every token goes through the model by itself, the vectors are
reduced to principal components, and frequent tokens count less (smooth inverse frequency by Zipf's law over the rank).

python -m benchmarks.static_model FOLDER
"""

import argparse
from pathlib import Path

import numpy as np

from persona_assets.embedding.model_folder import find_model_folder

DIMENSION = 256
_BATCH = 2_048
_SIF = 1e-4


def distil(target: Path, dimension: int = DIMENSION) -> Path:
    """Write a sentence-transformers folder with the static model, unless it is there."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    if (target / "modules.json").is_file():
        return target
    source = find_model_folder("all-MiniLM-L6-v2")
    model = SentenceTransformer(str(source), device="cpu")
    transformer = model[0].auto_model
    first, last = model.tokenizer.cls_token_id, model.tokenizer.sep_token_id
    parts = []
    with torch.inference_mode():
        for start in range(0, len(model.tokenizer), _BATCH):
            ids = torch.arange(start, min(start + _BATCH, len(model.tokenizer)))
            rows = torch.stack([torch.full_like(ids, first), ids, torch.full_like(ids, last)], 1)
            parts.append(transformer(input_ids=rows, attention_mask=torch.ones_like(rows)).last_hidden_state.mean(1))
    tokens = torch.cat(parts).numpy().astype(np.float64)
    tokens -= tokens.mean(axis=0)
    _, axes = np.linalg.eigh(tokens.T @ tokens)
    reduced = tokens @ axes[:, ::-1][:, :dimension]
    ranks = np.arange(len(reduced)) + 2
    frequency = 1 / ranks / (1 / ranks).sum()
    reduced *= (_SIF / (_SIF + frequency))[:, None]
    tokenizer = Tokenizer.from_file(str(Path(str(source)) / "tokenizer.json"))
    embedding = StaticEmbedding(tokenizer, embedding_weights=reduced.astype(np.float32))
    SentenceTransformer(modules=[embedding]).save(str(target))
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(distil(parser.parse_args().folder))
