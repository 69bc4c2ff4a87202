"""Which texts an embedding model can judge.

A model that never learned a script sees its text as unknown or as single letters, and gives unrelated texts a
cosine of 0.9 to 1.0 (seen with all-MiniLM-L6-v2 on Chinese and Thai personas). In Latin script the same model
keeps unrelated personas below 0.8 in every language tried, but of pairs that differ in one telling word (the
subject a teacher teaches) it puts 9% at 0.9 or above in English and Spanish, 14% in German, 20 to 48% in Polish,
Hungarian, Finnish and Turkish. Those are the languages of which its tokenizer makes more than 2.5 tokens a word
(English 1.1, Spanish 2.0, German 2.4, Polish 3.1), so that is the second rule. The third: a text beyond the
model's window is judged by its beginning alone, so it is not judged.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import regex

from persona_assets.embedding.model_folder import read_window
from persona_assets.errors import SettingsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ALL_SCRIPTS = "*"
MIN_SHARE = 0.9
"""Share of a text's letters that must be in the model's scripts."""
MAX_TOKENS_PER_WORD = 2.5
"""Tokens a word above which a language is foreign to the model."""
MIN_WORDS = 3
"""Below this many words, one rare name would decide about the tokens a word."""

_ASCII_LETTER = re.compile(r"[A-Za-z]")
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_ASCII_PIECE = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_MANY = 2**31
_LETTER = regex.compile(r"\p{L}")
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*")


class Readability:
    """Judges texts by their script, their tokens a word and their length.

    Args:
        scripts: Unicode scripts that the model reads; "*" for all (then only the length is judged).
        folder: the model's files; None: only the scripts are judged.

    Raises:
        SettingsError: if there is no such script.
    """

    def __init__(self, scripts: Sequence[str], folder: Path | None) -> None:
        self._reads_all = ALL_SCRIPTS in scripts
        self._reads_ascii = self._reads_all or "Latin" in scripts
        self._scripts = None if self._reads_all else _compile_scripts(scripts)
        self._folder = folder
        self._window = read_window(folder) if folder else None
        self._tokenizer: Tokenizer | None = None
        self._pieces: frozenset[str] = frozenset()

    def judge(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Tell which texts the model can judge, one flag a text."""
        readable = np.array([self._has_readable_script(text) for text in texts], dtype=np.bool_)
        if self._folder is None or not (self._folder / "tokenizer.json").is_file():
            return readable
        tokenizer = self._tokenizer = self._tokenizer or self._load_tokenizer(self._folder / "tokenizer.json")
        rows = [row for row in np.flatnonzero(readable).tolist() if self._must_count(texts[row])]
        encodings = tokenizer.encode_batch_fast([texts[row] for row in rows], add_special_tokens=False)
        for row, encoding in zip(rows, encodings, strict=True):
            readable[row] = self._fits(texts[row], len(encoding))
        return readable

    def _has_readable_script(self, text: str) -> bool:
        if self._reads_ascii and text.isascii():
            return _ASCII_LETTER.search(text) is not None
        letters = len(_LETTER.findall(text))
        if self._scripts is None:
            return letters > 0
        return letters > 0 and len(self._scripts.findall(text)) >= MIN_SHARE * letters

    def _must_count(self, text: str) -> bool:
        # Most texts fit by a bound that costs a tenth of counting.
        bound = self._bound_tokens(text)
        if self._reads_all:
            return self._window is not None and bound + 2 > self._window
        return not self._fits(text, bound)

    def _bound_tokens(self, text: str) -> int:
        if not self._pieces or not text.isascii():
            return len(text) if self._reads_all else _MANY
        pieces, known = _ASCII_PIECE.findall(text.lower()), self._pieces
        return len(pieces) + sum([len(piece) - 1 for piece in pieces if piece not in known])

    def _fits(self, text: str, n_tokens: int) -> bool:
        if self._window is not None and n_tokens + 2 > self._window:
            return False
        words = len((_ASCII_WORD if text.isascii() else _WORD).findall(text))
        return self._reads_all or words < MIN_WORDS or n_tokens <= MAX_TOKENS_PER_WORD * words

    def _load_tokenizer(self, path: Path) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if _cuts_at_words(tokenizer):
            self._pieces = frozenset(tokenizer.get_vocab())
        return tokenizer


def _cuts_at_words(tokenizer: "Tokenizer") -> bool:
    # BERT's: lower case, cut at spaces and punctuation; a word that it knows is one token.
    kinds = (tokenizer.model, tokenizer.normalizer, tokenizer.pre_tokenizer)
    names = [type(kind).__name__ for kind in kinds]
    return names == ["WordPiece", "BertNormalizer", "BertPreTokenizer"] and tokenizer.normalizer.lowercase is True


def _compile_scripts(scripts: Sequence[str]) -> "regex.Pattern[str]":
    for script in scripts:
        try:
            regex.compile(rf"\p{{Script={script}}}")
        except regex.error:
            raise SettingsError(
                f"embedding.scripts: {script!r} is no Unicode script. Use names like Latin, Cyrillic, Han, or '*'."
            ) from None
    names = "|".join(rf"\p{{Script={script}}}" for script in scripts)
    return regex.compile(rf"(?:{names})(?<=\p{{L}})")
