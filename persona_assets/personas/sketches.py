"""What a small model says of a document: who has to do with what. The sentence around the two is drawn."""

import itertools
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from persona_assets.personas.draws import draw
from persona_assets.prompts import Demonstration
from persona_assets.settings import ModelSettings, Relation, SeedSettings

_TELLING = 4
_WORD = r"[a-z]+(?:[-'’][a-z]+)?"
_SLOTS = _WHO, _MATTER = "{{ who }}", "{{ matter }}"
_ARTICLE = re.compile(r"^(?:an?|the) ")
# What a page has of a matter is not the matter: "download of conference proceedings", "the name of the school".
_PAGE = re.compile(r"^(?:the )?(?:downloads?|links?|pages?|names?|titles?|images?|pictures?) (?:of|to|for) ")
_SPOKEN_VOWEL = re.compile(r"(?!uni|use|eu|one)[aeiou]|hour|heir|honest")


class SketchedPersona(BaseModel):
    """What a document is about, and who has to do with such matters: in this order, for the one leads to the other."""

    matter: str = Field(pattern=rf"^{_WORD}(?: {_WORD}){{0,6}}$")
    who: str = Field(pattern=rf"^{_WORD}(?: {_WORD}){{0,3}}$")


class Sketch(BaseModel):
    """How a small model is asked for a person and a matter alone.

    Attributes:
        system: in place of that of the prompt file.
        user: likewise.
        demonstrations: likewise; their answers are the fields of `SketchedPersona`.
        frames: for each relation sentences with `{{ who }}` and `{{ matter }}`, of which one is drawn.
        temperature: likewise; a small model makes subjects up above it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    user: str
    demonstrations: tuple[Demonstration, ...] = ()
    frames: dict[Relation, tuple[str, ...]]
    temperature: float = Field(0.4, ge=0, le=2)

    @field_validator("frames")
    @classmethod
    def _check_frames(cls, frames: dict[Relation, tuple[str, ...]]) -> dict[Relation, tuple[str, ...]]:
        without = [frame for some in frames.values() for frame in some if not all(slot in frame for slot in _SLOTS)]
        if without:
            raise ValueError(f"{' and '.join(_SLOTS)} are not both in: {'; '.join(without)}")
        if empty := [relation for relation, some in frames.items() if not some]:
            raise ValueError(f"there is no frame for {', '.join(empty)}")
        return frames

    def is_shown(self, matter: str, document: str) -> bool:
        """Whether two telling words of a matter stand together in a demonstration, and not in the document."""
        pairs = _list_telling_pairs(matter)
        shown = {pair for one in self.demonstrations for pair in _list_telling_pairs(str(one.answer))}
        return bool(pairs & shown - _list_telling_pairs(document))

    def frame_persona(self, who: str, matter: str, relation: Relation, row_id: str) -> str:
        """Put a person and a matter into a sentence that is drawn; equal for an equal row.

        Args:
            who: an occupation or stage of life.
            matter: what the document is about.
            relation: of the person to the document.
            row_id: of the document and the draw.
        """
        frame = draw(f"frame of {row_id}", self.frames[relation], 1)[0]
        about = _PAGE.sub("", matter)
        plain = _ARTICLE.sub("", who)
        article = "An" if _SPOKEN_VOWEL.match(plain) else "A"
        return f"{frame.replace(_WHO, f'{article} {plain}').replace(_MATTER, about)}."


def _list_telling_pairs(text: str) -> set[tuple[str, str]]:
    words = re.findall(r"\w+", text.casefold())
    return {pair for pair in itertools.pairwise(words) if min(map(len, pair)) >= _TELLING}


def sketch_of_phrases(phrases: Sequence[str]) -> type[SketchedPersona]:
    """The fields of a sketch whose matter is one of some phrases."""
    matter = (str, Field(json_schema_extra={"enum": list(phrases)}))
    return create_model("SketchOfPhrases", __base__=SketchedPersona, matter=matter)


def choose_sketches(model: ModelSettings, settings: SeedSettings) -> Literal["free", "phrases", "never"]:
    """Choose how a model is asked for sketches: the packaged one finds no words for a matter, but can point at them."""
    if settings.sketches != "auto":
        return settings.sketches
    if not model.is_embedded:
        return "never"
    return "phrases" if model.is_packaged else "free"
