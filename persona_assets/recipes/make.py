"""Makes the rows of any recipe: personas (or another recipe's rows) in, checked rows out."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Outcome, Task, Values, Verdict
from persona_assets.llm.tasks import answer_task, collect_batches, run_tasks
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.prompts import Prompt
from persona_assets.recipes.checks import doubt_row
from persona_assets.recipes.demonstrations import Compare, Demonstrator, prepare_demonstrations
from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.recipe import WORLD, RecipeFile
from persona_assets.recipes.sources import SourceRow, iter_sources
from persona_assets.recipes.votes import ask_program, compare_with_own, make_voter, require_votes
from persona_assets.records import content_id, polars_schema
from persona_assets.row_checks import Rejected, RowChecks
from persona_assets.settings import SandboxSettings
from persona_assets.tables import Batch


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a recipe's rows are made with, beside model and recipe.

    Attributes:
        sandbox: where programs run, if they may.
        partners: personas that a persona may talk to.
    """

    seed_prompt: Prompt[SeedPrompt]
    compare: Compare
    sandbox: SandboxSettings
    partners: pl.DataFrame | None = None


async def make_items(asker: Asker[RecipeFile], rows: pl.LazyFrame, workshop: Workshop) -> AsyncIterator[Batch]:
    """Make a shard's rows of a recipe that has fields.

    Args:
        rows: persona_hub, or the table of the recipe that this one reads.

    Raises:
        PromptError: if the settings ask for what the recipe cannot do.
    """
    recipe = asker.prompt.content
    checks = recipe.change_checks(asker.checks)
    agreement = recipe.agreement
    runs_programs = workshop.sandbox.enabled and agreement is not None and agreement.program is not None
    if agreement:
        require_votes(asker, agreement, runs_programs)
    demonstrator = await prepare_demonstrations(asker, workshop.seed_prompt, workshop.compare)

    def judge(source: SourceRow, values: Values) -> Verdict:
        return judge_answer(recipe, source, values, checks)

    async def work(task: Task[SourceRow]) -> Outcome[SourceRow]:
        task = await show_demonstrations(asker, task, demonstrator)
        if agreement is None:
            return await answer_task(asker.client, task, judge)
        program = await ask_program(asker, task.context, workshop.sandbox) if runs_programs else None
        outcome = await answer_task(asker.client, task, judge, make_voter(agreement, program))
        if program:
            _account_for_program(outcome, program)
        await compare_with_own(outcome, agreement, checks)
        return outcome

    def make_rows(outcome: Outcome[SourceRow]) -> Iterator[dict[str, Any]]:
        yield _make_row(recipe, outcome)

    outcomes = run_tasks(_plan(asker, rows), work, asker.window)
    async for batch in collect_batches(outcomes, make_rows, polars_schema(recipe.schema_class())):
        yield batch


def without_demonstrations(asker: Asker[RecipeFile]) -> Asker[RecipeFile]:
    """The same asker for a question that gets its demonstrations later."""
    content = asker.prompt.content.model_copy(update={"demonstrations": ()})
    return replace(asker, prompt=replace(asker.prompt, content=content))


async def show_demonstrations(
    asker: Asker[RecipeFile], task: Task[SourceRow], demonstrator: Demonstrator
) -> Task[SourceRow]:
    """Put the demonstrations of its row into a task."""
    source = task.context
    shown = await demonstrator.choose_for(source.lot, source.persona)
    if not shown:
        return task
    request = replace(task.request, messages=asker.prompt.render(shown, **source.values))
    return replace(task, request=request, context=replace(source, shown=tuple(one.answer_text() for one in shown)))


def judge_answer(recipe: RecipeFile, source: SourceRow, values: Values, checks: RowChecks) -> Verdict:
    """Read the fields of a JSON answer, or the `text` of a plain one, and apply the checks."""
    if recipe.answer == "text":
        try:
            values = recipe.read_text(values["text"])
        except ValueError as error:
            return Rejected("malformed", " ".join(str(error).split())[:300])
    doubts = doubt_row(recipe.fields, [*recipe.checks], values, source.values, source.shown, checks)
    flags = checks.settle(doubts)
    return flags if isinstance(flags, Rejected) else Accepted({**values, "flags": flags})


def make_common_columns(recipe: RecipeFile, outcome: Outcome[SourceRow], *content: object) -> dict[str, Any]:
    """The columns that the rows of every recipe have."""
    source, values = outcome.task.context, outcome.values or {}
    persona_id = source.columns["persona_id"]
    return {
        "item_id": content_id("itm", recipe.asset, persona_id, source.item_id, source.sample, *content),
        "persona_id": persona_id,
        "persona": source.persona,
        "source_item_id": source.item_id,
        "model": outcome.model,
        "flags": values["flags"],
        "response_keys": list(outcome.keys),
        **source.drawn,
    }


def _plan(asker: Asker[RecipeFile], rows: pl.LazyFrame) -> Iterator[Task[SourceRow]]:
    recipe, plain = asker.prompt.content, without_demonstrations(asker)
    names: list[str | None] = [*recipe.worlds] or [None]
    models = {world: recipe.answer_model(world) if recipe.answer == "json" else None for world in names}
    for source in iter_sources(asker, rows):
        model = models[source.drawn[WORLD] if recipe.worlds else None]
        task = plain.make_task(source.row_id, source, source.values, source.sample, model)
        yield replace(task, least_votes=recipe.agreement.at_least) if recipe.agreement else task


def _account_for_program(outcome: Outcome[SourceRow], program: Outcome[SourceRow]) -> None:
    outcome.refusals += program.refusals
    if program.values is not None:
        outcome.accepted += 1
        outcome.dropped["program"] += 1


def _make_row(recipe: RecipeFile, outcome: Outcome[SourceRow]) -> dict[str, Any]:
    source, values = outcome.task.context, outcome.values or {}
    fields = {name: values[name] for name in recipe.fields}
    votes = {"n_agree": outcome.votes, "n_answers": outcome.accepted} if recipe.agreement else {}
    derived = {name: DERIVED[how](fields, source.values) for name, how in recipe.derive.items()}
    return {**make_common_columns(recipe, outcome, *fields.values()), **fields, **votes, **derived}
