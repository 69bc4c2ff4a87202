"""Benchmarks that a release must not hold: their texts, and whether an example is one of them.

An example is flagged when one of its turns shares a run of 13 words with a benchmark's text, or a whole shorter one, or
when a user's turn lies nearer to one, by embedding, than the settings allow. In scripts without spaces (Han, kana,
Thai) each character counts as a word. What cannot be read is an error: nobody would notice that it is not looked for.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import regex

from persona_assets.corpus.entries import BadRecord
from persona_assets.corpus.file_listing import list_files
from persona_assets.corpus.readers import get_format
from persona_assets.dedup.text import WITHOUT_SPACES
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.embedding.near_pairs import compute_cosine
from persona_assets.errors import CorpusError
from persona_assets.prompts import Message
from persona_assets.settings import DecontaminationSettings

# A character of a script without spaces is a word, or a clause would be.
_WORD = regex.compile(rf"[{WITHOUT_SPACES}]\p{{M}}*|[^\W_{WITHOUT_SPACES}]+")
_SETTING: Final = "decontamination.benchmarks"
_REMEDY: Final = "Convert it to UTF-8 text, JSON lines, CSV or Parquet, or take it out of the benchmarks."
_SHORTEST: Final = 8
"""Words of a benchmark's text from which finding all of it says something."""

_LONGEST_LINE: Final = 20_000_000
_BLOCK: Final = 1_024


@dataclass(frozen=True, slots=True)
class Contamination:
    """Why an example is flagged.

    Attributes:
        reason: benchmark_words or benchmark_meaning.
        detail: file and row of the benchmark, and what was found.
    """

    reason: str
    detail: str


class Benchmarks:
    """The texts of benchmark files, ready to be looked for.

    Args:
        encoder: the embedding model; it is asked only where there are benchmarks.

    Raises:
        CorpusError: for a file that is missing, cannot be read to its last row, or holds nothing to look for.
    """

    def __init__(self, settings: DecontaminationSettings, encoder: TextEncoder) -> None:
        self._settings = settings
        self._encoder = encoder
        self._runs: dict[tuple[str, ...], str] = {}
        self._short: dict[tuple[str, ...], str] = {}
        texts: list[str] = []
        origins: list[str] = []
        for origin, text, words in _read_all(settings.benchmarks, min(_SHORTEST, settings.words)):
            if len(words) >= settings.words:
                self._runs.update(dict.fromkeys(_list_runs(words, settings.words), origin))
            else:
                self._short[tuple(words)] = origin
            texts.append(text)
            origins.append(origin)
        self._count = len(texts)
        # Of a script that the model never learned, any two texts are near to each other.
        judged = encoder.readable(texts).nonzero()[0].tolist() if texts else []
        self._origins = [origins[place] for place in judged]
        self._vectors = encoder.encode([texts[place] for place in judged]) if judged else None

    def __len__(self) -> int:
        return self._count

    def find(self, examples: Sequence[Sequence[Message]]) -> list[Contamination | None]:
        """Look for the benchmarks in examples; returns what was found in each, or None."""
        found = [self._find_words(messages) for messages in examples]
        unflagged = [place for place, one in enumerate(found) if one is None]
        for place, near in zip(unflagged, self._find_meaning([examples[place] for place in unflagged]), strict=True):
            found[place] = near
        return found

    def _find_words(self, messages: Sequence[Message]) -> Contamination | None:
        for message in messages:
            words = _split(message["content"]) if message["role"] != "system" else []
            for run in _list_runs(words, self._settings.words):
                if run in self._runs:
                    return Contamination("benchmark_words", f"{self._runs[run]}: {' '.join(run)}")
            for length in {len(short) for short in self._short}:
                for run in _list_runs(words, length):
                    if run in self._short:
                        return Contamination("benchmark_words", f"{self._short[run]}: {' '.join(run)}")
        return None

    def _find_meaning(self, examples: Sequence[Sequence[Message]]) -> list[Contamination | None]:
        found: list[Contamination | None] = [None] * len(examples)
        if self._vectors is None:
            return found
        turns = [
            (place, message["content"])
            for place, messages in enumerate(examples)
            for message in messages
            if message["role"] == "user"
        ]
        for start in range(0, len(turns), _BLOCK):
            block = turns[start : start + _BLOCK]
            readable = self._encoder.readable([text for _, text in block]).tolist()
            part = [turn for turn, is_judged in zip(block, readable, strict=True) if is_judged]
            if not part:
                continue
            for (place, _), (origin, cosine) in zip(part, self._find_nearest([text for _, text in part]), strict=True):
                if cosine >= self._settings.cosine and found[place] is None:
                    found[place] = Contamination("benchmark_meaning", f"{origin}: cosine {cosine:.3f}")
        return found

    def _find_nearest(self, texts: Sequence[str]) -> Iterator[tuple[str, float]]:
        assert self._vectors is not None  # noqa: S101 - asked for only where there are texts
        vectors = self._encoder.encode(texts)
        nearest = np.argmax(vectors @ self._vectors.T, axis=1)
        cosines = compute_cosine(vectors, self._vectors[nearest]).tolist()
        yield from zip([self._origins[place] for place in nearest.tolist()], cosines, strict=True)


def describe_benchmarks(settings: DecontaminationSettings) -> dict[str, str]:
    """The benchmark files with a hash of each, for the record of what a table was checked against."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in _list_files(settings.benchmarks)}


def _list_files(paths: Sequence[Path]) -> list[Path]:
    return [file for path in paths for file in _list_one(path.expanduser())]


def _list_one(path: Path) -> list[Path]:
    """The files of a folder of benchmarks, or the one file; whatever would not be looked for is an error."""
    files, skipped = list_files(path, _SETTING)
    for item in skipped:
        if not item.is_expected:
            raise CorpusError(f"{_SETTING}: {item.path} is not read: {item.reason}. {_REMEDY}")
    if not files:
        raise CorpusError(f"{_SETTING}: {path} holds no benchmark. Put one in, or take the folder out of the setting.")
    return files


def _read_all(paths: Sequence[Path], shortest: int) -> Iterator[tuple[str, str, list[str]]]:
    """Each text of some files that is long enough, with its place and its words."""
    for path in _list_files(paths):
        is_empty = True
        for origin, text in _read_texts(path):
            if len(words := _split(text)) >= shortest:
                is_empty = False
                yield origin, text, words
        if is_empty:
            raise CorpusError(f"{_SETTING}: {path} holds no text of {shortest} words to look for. {_REMEDY}")


def _read_texts(path: Path) -> Iterator[tuple[str, str]]:
    for entry in get_format(path).read(path, 0, None, _LONGEST_LINE):
        if isinstance(entry, BadRecord):
            # A row passed over would be one that nobody keeps out of the mix.
            fault = f"{entry.reason}: {entry.detail}"
            raise CorpusError(f"{_SETTING}: row {entry.position} of {path} cannot be read ({fault}). {_REMEDY}")
        for text in _find_texts(entry.fields):
            yield f"{path.name}:{entry.position}", text


def _find_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _find_texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _find_texts(part)


def _split(text: str) -> list[str]:
    words: list[str] = _WORD.findall(text.casefold())
    return words


def _list_runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))
