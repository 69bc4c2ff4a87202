"""The language of a text, found offline by py3langid (139 languages)."""

from functools import cache
from typing import Any

UNKNOWN = "und"
MIN_CONFIDENCE = 0.5
READ_CHARS = 1_000

# ISO 639-1 where it has a code: the detector's finer codes belong to these (macro)languages.
_ISO_639_1 = {
    "ary": "ar", "arz": "ar", "fuv": "ff", "gug": "gn", "hbo": "he", "kik": "ki",
    "sdh": "ku", "uzs": "uz", "wuu": "zh", "yue": "zh", "zxx": UNKNOWN,
}  # fmt: skip


def detect_language(text: str) -> str:
    """Return the language of a text, decided by its first 1,000 characters.

    An ISO 639-1 code, an ISO 639-3 code for a language that has no shorter one, or `und` when the detector is less
    than half sure or sees no language.
    """
    language, confidence = _load_identifier().classify(text[:READ_CHARS])
    return _ISO_639_1.get(language, language) if confidence >= MIN_CONFIDENCE else UNKNOWN


@cache
def _load_identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
