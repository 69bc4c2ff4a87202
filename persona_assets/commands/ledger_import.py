"""Responses of a ledger's export, read back into a ledger: shared between machines, or recorded for the sample."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

from persona_assets.errors import LakeError
from persona_assets.llm.ledger import Entry

_PAGE = 500


def read_entries(path: Path) -> Iterator[list[Entry]]:
    """Read the responses of an export, page by page.

    Args:
        path: ending in .jsonl or .jsonl.gz, as `persona-assets ledger export` writes it.

    Yields:
        At most 500 responses.

    Raises:
        LakeError: naming the file and line that cannot be read.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.name.endswith(".gz")
            else path.open(encoding="utf-8") as file
        ):
            entries = (_read_line(path, number, line) for number, line in enumerate(file, 1) if line.strip())
            while page := list(islice(entries, _PAGE)):
                yield page
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LakeError(f"{path} cannot be read: {error}. Name a file that `ledger export` wrote.") from None


def _read_line(path: Path, number: int, line: str) -> Entry:
    try:
        row = cast("dict[str, Any]", json.loads(line))
        row["task"] = row.pop("asset")
        row["parameters"] = json.dumps(row["parameters"], sort_keys=True)
        row["created_at"] = datetime.fromisoformat(row["created_at"])
        bytes.fromhex(row["key"])
        return Entry(**row)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LakeError(
            f"{path}, line {number}: no response of a ledger ({error}). Name a file that `ledger export` wrote."
        ) from None
