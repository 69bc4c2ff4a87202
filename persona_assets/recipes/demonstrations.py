"""Which demonstrations a model is shown: none, plain ones, or each with its persona (Persona Hub, section 2.4).

The third, persona-enhanced few-shot prompting, wants a persona for every demonstration. Those that have none get
one by Text-to-Persona from their answer, as the paper does: asked once, since the ledger knows the reply.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.personas.seed import infer_persona
from persona_assets.prompts import Demonstration, Prompt
from persona_assets.recipes.load import load_demonstrations
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.records import content_id
from persona_assets.settings import TaskSettings
from persona_assets.settings_sections import Choice, Method

Compare = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Cosine of each of some texts with each, by the embedding model: a row for every text."""


@dataclass(frozen=True, slots=True)
class Demonstrator:
    """Chooses the demonstrations of each row.

    Attributes:
        pool: what may be shown.
        choose: drawn by row, those whose persona is nearest, or the first.
        has_personas: whether their personas are shown, too.
    """

    pool: tuple[Demonstration, ...]
    shown: int
    choose: Choice
    has_personas: bool
    compare: Compare

    async def choose_for(self, lot: str, persona: str) -> list[Demonstration]:
        """Choose the demonstrations of a row; of those chosen by nearness the most telling comes last."""
        if not self.pool:
            return []
        chosen = [self.pool[place] for place in (await self._rank(lot, persona))[: self.shown]]
        if self.choose == "nearest":
            chosen.reverse()
        return chosen if self.has_personas else [_with_persona(one, "") for one in chosen]

    async def _rank(self, lot: str, persona: str) -> list[int]:
        places = range(len(self.pool))
        match self.choose:
            case "random":
                # By its text, so that a pool that grows leaves the others' turn as it was.
                return sorted(places, key=lambda place: content_id("lot", lot, self.pool[place].answer_text()))
            case "nearest":
                personas = [str(one.values.get("persona", "")) for one in self.pool]
                near, *_ = await self.compare([persona, *personas])
                return sorted(places, key=lambda place: -near[place + 1])
        return list(places)


async def prepare_demonstrations(
    asker: Asker[RecipeFile], seed_prompt: Prompt[SeedPrompt], compare: Compare
) -> Demonstrator:
    """Fill in what the method wants; PromptError if the recipe cannot have it, or no persona passes for one."""
    content, settings = asker.prompt.content, asker.settings
    method = settings.method or content.method
    choose = settings.choose or content.choose
    pool = [] if method == "zero_shot" else [*content.demonstrations]
    if settings.demonstrations and method != "zero_shot":
        pool = load_demonstrations(settings.demonstrations.expanduser(), content)
    if problem := find_method_flaw(content, method, choose, has_pool=bool(pool)):
        raise PromptError(f"tasks.{asker.task}: {problem}.")
    if method == "persona_few_shot" or choose == "nearest":
        pool = [
            one if one.values.get("persona") else _with_persona(one, await _infer_persona(asker, seed_prompt, one))
            for one in pool
        ]
    shown = settings.shown or content.shown or len(pool)
    return Demonstrator(tuple(pool), shown, choose, method == "persona_few_shot", compare)


def find_method_flaw(recipe: RecipeFile, method: Method, choose: Choice, has_pool: bool) -> str | None:
    """Say why a recipe cannot be asked by a method, and what to do. `has_pool`: whether there are demonstrations."""
    if method == "zero_shot":
        return None
    if not has_pool:
        return (
            f"method is {method}, and recipe {recipe.asset} has no demonstrations: write some in its file, name a"
            f" file of them by tasks.{recipe.asset}.demonstrations, or set method to zero_shot"
        )
    if not recipe.names_persona and (method == "persona_few_shot" or choose == "nearest"):
        what = "method is persona_few_shot" if method == "persona_few_shot" else "choose is nearest"
        return (
            f"{what}, and the prompt of recipe {recipe.asset} says nothing of a persona: set method to few_shot and"
            " choose to random"
        )
    return None


def decides_by_embedding(recipe: RecipeFile, settings: TaskSettings) -> bool:
    """Whether the rows depend on the embedding model: it chooses demonstrations."""
    return (settings.method or recipe.method) != "zero_shot" and (settings.choose or recipe.choose) == "nearest"


async def _infer_persona(
    asker: Asker[RecipeFile], seed_prompt: Prompt[SeedPrompt], demonstration: Demonstration
) -> str:
    text = demonstration.answer_text()
    by_text = Asker(asker.client, seed_prompt, asker.task, asker.shard, TaskSettings(), asker.defaults, asker.checks)
    persona = await infer_persona(by_text, text)
    if persona is None:
        raise PromptError(
            f"A demonstration of recipe {asker.prompt.name} has no persona, and the model found none that fits:"
            f" {text[:80]!r}. Write one under its values, or set method: few_shot."
        )
    return persona


def _with_persona(demonstration: Demonstration, persona: str) -> Demonstration:
    return demonstration.model_copy(update={"values": {**demonstration.values, "persona": persona}})
