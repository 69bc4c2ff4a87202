"""text-dedup: its MinHash command on a JSON file, words as tokens."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dedup_job import Deduplicate, measure


def prepare(model: str) -> Deduplicate:
    """Nothing to load."""

    def run(texts: Sequence[str]) -> Sequence[int]:
        folder = Path(tempfile.mkdtemp())
        # It keeps the last of those that it takes for one, where the others keep the first.
        rows = [json.dumps({"text": text, "row": row}) for row, text in enumerate(texts)][::-1]
        (folder / "in.jsonl").write_text("\n".join(rows))
        source = ["--path", "json", "--data_files", str(folder / "in.jsonl"), "--split", "train", "--column", "text"]
        options = ["--threshold", "0.9", "--num_perm", "128", "--ngram", "1", "--min_length", "1"]
        caches = ["--cache_dir", str(folder / "cache"), "--output", str(folder / "out"), "--num_proc", "2"]
        command = [sys.executable, "-m", "text_dedup.minhash", *source, *options, *caches]
        subprocess.run(command, check=True, capture_output=True)
        from datasets import load_from_disk

        return list(load_from_disk(str(folder / "out"))["row"])

    return run


if __name__ == "__main__":
    measure(prepare)
