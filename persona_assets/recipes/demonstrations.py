"""Which demonstrations a model is shown: none, plain ones, or each with its persona (Persona Hub, section 2.4).

The third, persona-enhanced few-shot prompting, wants a persona for every demonstration. Those that have none get
one by Text-to-Persona from their answer, as the paper does: asked once, since the ledger knows the reply.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from persona_assets.errors import PromptError
from persona_assets.llm.agreement import Compare
from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Rejected, Values, Verdict
from persona_assets.llm.tasks import answer_task
from persona_assets.personas.heuristics import clean_persona, find_flaw, find_flaw_against
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.prompts import Demonstration, Prompt
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.settings import Choice, Method, TaskSettings

_FEWEST_WORDS, _MOST_WORDS = 4, 60


@dataclass(frozen=True, slots=True)
class Demonstrator:
    """Chooses the demonstrations of each row.

    Attributes:
        demonstrations: what may be shown, personas filled in or taken away as the method wants it.
        shown: how many of them.
        choose: the first, or those whose persona is nearest.
        compare: measures nearness.
    """

    demonstrations: tuple[Demonstration, ...]
    shown: int
    choose: Choice
    compare: Compare

    async def choose_for(self, persona: str) -> Sequence[Demonstration]:
        """The demonstrations for a persona, the most telling last: nearest to the question."""
        if self.choose == "first" or self.shown >= len(self.demonstrations):
            return self.demonstrations[: self.shown]
        to_persona, *_ = await self.compare([persona, *(str(one.values["persona"]) for one in self.demonstrations)])
        ranked = sorted(range(len(self.demonstrations)), key=lambda place: -to_persona[place + 1])[: self.shown]
        return [self.demonstrations[place] for place in reversed(ranked)]


async def prepare_demonstrations(
    asker: Asker[RecipeFile], seed_prompt: Prompt[SeedPrompt], compare: Compare
) -> Demonstrator:
    """Fill in what the method wants.

    Args:
        asker: model, recipe and task settings.
        seed_prompt: Text-to-Persona, for demonstrations that have no persona.
        compare: measures nearness.

    Returns:
        Who chooses the demonstrations of each row.

    Raises:
        PromptError: if a demonstration gets no persona that passes.
    """
    content, settings = asker.prompt.content, asker.settings
    method: Method = settings.method or content.method
    given = list(content.demonstrations) if method != "zero_shot" else []
    if method == "few_shot":
        given = [_with_persona(one, "") for one in given]
    else:
        wanting = content.demonstrations_without_persona()
        given = [
            _with_persona(one, await _infer_persona(asker, seed_prompt, one)) if one in wanting else one
            for one in given
        ]
    choose: Choice = settings.choose or content.choose
    shown = settings.shown or content.shown or len(given)
    return Demonstrator(tuple(given), shown, "first" if method == "few_shot" else choose, compare)


def decides_by_embedding(recipe: RecipeFile, settings: TaskSettings) -> bool:
    """Whether the rows depend on the embedding model: it chooses demonstrations, or among several candidates."""
    is_chosen = (settings.choose or recipe.choose) == "nearest" and (settings.shown or recipe.shown) is not None
    return is_chosen or (recipe.prefer == "near_persona" and (settings.candidates or recipe.candidates) > 1)


def _with_persona(demonstration: Demonstration, persona: str) -> Demonstration:
    return demonstration.model_copy(update={"values": {**demonstration.values, "persona": persona}})


async def _infer_persona(
    asker: Asker[RecipeFile], seed_prompt: Prompt[SeedPrompt], demonstration: Demonstration
) -> str:
    prompt = seed_prompt.content
    seed_asker = Asker(asker.client, seed_prompt, asker.task, asker.shard, TaskSettings())
    text, examples = demonstration.answer_text(), seed_prompt.demonstration_texts()
    values = {
        "text": text,
        "question": prompt.questions["write"],
        "style": prompt.granularity["fine"],
    }

    def judge(_: None, values: Values) -> Verdict:
        persona = clean_persona(values["text"])
        flaw = find_flaw(persona, _FEWEST_WORDS, _MOST_WORDS, examples) or find_flaw_against(persona, text)
        return Rejected(flaw, persona) if flaw else Accepted({"persona": persona})

    outcome = await answer_task(asker.client, seed_asker.make_task(asker.prompt.name, None, values), judge)
    if outcome.values is None:
        raise PromptError(
            f"A demonstration of recipe {asker.prompt.name} has no persona, and the model found none that fits:"
            f" {demonstration.answer_text()[:80]!r}. Write one under its values, or set method: few_shot."
        )
    return str(outcome.values["persona"])
