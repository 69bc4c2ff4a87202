"""The two prompt files of personas, and the English names of languages, by which they ask for them."""

from pathlib import Path

from pydantic import field_validator

from persona_assets.prompts import Prompt, PromptFile, load_prompt

_NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian",
    "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic",
    "it": "Italian", "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada",
    "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian",
    "mr": "Marathi", "ms": "Malay", "my": "Burmese", "nb": "Norwegian Bokmål", "ne": "Nepali", "nl": "Dutch",
    "nn": "Norwegian Nynorsk", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian",
    "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog",
    "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese", "yo": "Yoruba",
    "zh": "Chinese", "zu": "Zulu", "pt-br": "Brazilian Portuguese", "zh-tw": "traditional Chinese",
}  # fmt: skip


def name_language(code: str) -> str:
    """Name a language in English.

    Args:
        code: ISO 639-1, perhaps with a region: `pt-BR`.

    Returns:
        Its name; the code itself where none is known, since models read codes, too.
    """
    return _NAMES.get(code.lower().replace("_", "-"), code)


SEED_PROMPT_FILE = "seed_personas.yaml"
_EXPANSION_PROMPT_FILE = "expanded_personas.yaml"
_GRANULARITIES = ("coarse", "fine")


class SeedPrompt(PromptFile):
    """Text-to-Persona. `granularity`: how a person is described, by granularity: coarse, fine."""

    granularity: dict[str, str]

    @field_validator("granularity")
    @classmethod
    def _check_granularity(cls, granularity: dict[str, str]) -> dict[str, str]:
        missing = [name for name in _GRANULARITIES if name not in granularity]
        if missing:
            raise ValueError(f"there is no text for {', '.join(missing)}")
        return granularity


def load_seed_prompt(folder: Path) -> Prompt[SeedPrompt]:
    """Read the prompt file of Text-to-Persona."""
    return load_prompt(folder / SEED_PROMPT_FILE, SeedPrompt)


def load_expansion_prompt(folder: Path) -> Prompt[PromptFile]:
    """Read the prompt file of Persona-to-Persona."""
    return load_prompt(folder / _EXPANSION_PROMPT_FILE, PromptFile)
