"""How a reply about a document is read as a persona: as a sentence, or as a sketch that is put into one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from persona_assets.llm.agreement import Compare, score_agreement
from persona_assets.llm.tasks import Rejected, Task, Values
from persona_assets.personas.callings import names_a_person
from persona_assets.personas.choice import score_personas
from persona_assets.personas.heuristics import clean_persona
from persona_assets.personas.phrases import choose_phrases
from persona_assets.personas.seed_tasks import SeedContext
from persona_assets.personas.sketches import Sketch, SketchedPersona, sketch_of_phrases

# Beyond it a persona is no nearer to its document but more of a copy.
_NEAR_ENOUGH = 0.6
_ENOUGH_DRAWS = 4
_LEAST_AGREEMENT = 0.5
"""Mean cosine with what the other draws name, below which the model has not understood the document."""
_MOST_PHRASES = 8
_LEAST_NEARNESS = 0.3
"""Cosine of a sketch with its document, below which it takes up something beside the subject."""


class SentenceReader:
    """A model that writes the whole sentence; a specific one that is near to the document and the others is kept."""

    answer_model = None

    def __init__(self, compare: Compare) -> None:
        self._compare = compare

    async def prepare(self, task: Task[SeedContext]) -> Task[SeedContext]:
        """Every document can be asked about."""
        return task

    def read(self, context: SeedContext, values: Values) -> str:
        """The sentence without what stands around it."""
        return clean_persona(values["text"])

    async def score(self, context: SeedContext, candidates: Sequence[Values]) -> Sequence[float]:
        """By nearness, specificity and agreement."""
        personas = [str(values["persona"]) for values in candidates]
        return await score_personas(self._compare, context.text, personas, lambda near: min(near, _NEAR_ENOUGH))

    def forget(self, context: SeedContext) -> None:
        """Nothing is kept."""


class SketchReader:
    """A model that says who and what; what most draws say is kept."""

    answer_model = SketchedPersona

    def __init__(self, compare: Compare, sketch: Sketch) -> None:
        self._compare = compare
        self._sketch = sketch
        # What is refused tells as well whether the model has understood the document.
        self._drawn: defaultdict[SeedContext, list[Values]] = defaultdict(list)

    async def prepare(self, task: Task[SeedContext]) -> Task[SeedContext] | None:
        """Want the draws to agree, where there are enough."""
        if task.candidates < _ENOUGH_DRAWS or task.min_score is not None:
            return task
        return replace(task, min_score=_LEAST_AGREEMENT, low_score="no_agreement")

    def read(self, context: SeedContext, values: Values) -> str | Rejected:
        """The sentence that the two are put into."""
        who, matter = values["who"], values["matter"]
        if self._sketch.is_shown(matter, context.text):
            return Rejected("copies_demonstration", matter)
        self._drawn[context].append(values)
        if not names_a_person(who):
            return Rejected("no_person", f"{who}: {matter}")
        return self._sketch.frame_persona(who, matter, context.relation, f"{context.doc_id} {context.sample}")

    async def score(self, context: SeedContext, candidates: Sequence[Values]) -> Sequence[float]:
        """By how far all draws say the same, of the matter above all."""
        on_matter, on_person = [await self._rate_said(context, field, candidates) for field in ("matter", "who")]
        return [(3 * matter + person) / 4 for matter, person in zip(on_matter, on_person, strict=True)]

    def forget(self, context: SeedContext) -> None:
        """Forget the draws."""
        self._drawn.pop(context, None)

    async def _rate_said(self, context: SeedContext, field: str, candidates: Sequence[Values]) -> list[float]:
        """Rate what candidates say in a field by how far all draws say the same, in whatever order these came."""
        texts = sorted(str(values[field]) for values in self._drawn[context])
        rated = dict(zip(texts, await score_agreement(self._compare, texts), strict=True))
        return [rated[str(values[field])] for values in candidates]


class PhraseReader(SketchReader):
    """A model that finds no word for a matter: it takes a phrase of the document, which must be in English."""

    async def prepare(self, task: Task[SeedContext]) -> Task[SeedContext] | None:
        """Let the model choose among the phrases that are nearest to the whole document."""
        context = task.context
        phrases = await choose_phrases(self._compare, context.text, _MOST_PHRASES) if context.language == "en" else []
        if not phrases:
            return None
        asked = task.with_answer(sketch_of_phrases(phrases))
        if task.min_score is not None:
            return asked
        return replace(asked, min_score=_LEAST_NEARNESS, low_score="beside_the_subject")

    async def score(self, context: SeedContext, candidates: Sequence[Values]) -> Sequence[float]:
        """By nearness to the document: the phrase is its own, so what tells is whether the person has to do with it."""
        said = [f"{values['who']} {values['matter']}" for values in candidates]
        return (await self._compare([context.text, *said]))[0][1:]
