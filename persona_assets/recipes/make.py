"""Makes the rows of any recipe: personas (or another recipe's rows) in, checked rows out."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from persona_assets.errors import PromptError
from persona_assets.lake import iter_frames
from persona_assets.llm.agreement import Compare, rate_agreement
from persona_assets.llm.answers import take_sentences
from persona_assets.llm.asker import Asker
from persona_assets.llm.kept import share_of_words_kept
from persona_assets.llm.outcomes import Accepted, Outcome, Rejected, Scorer, Task, Values, Verdict
from persona_assets.llm.tasks import answer_task, collect_batches, run_tasks
from persona_assets.personas.persona_prompts import SeedPrompt
from persona_assets.prompts import Prompt
from persona_assets.recipes.answers import count_equivalent
from persona_assets.recipes.checks import CHECKS
from persona_assets.recipes.demonstrations import Demonstrator, prepare_demonstrations
from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.draws import Draws, change_draws, describe_draws, draw_option
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.recipes.sandbox import ProgramError, run_program
from persona_assets.records import content_id, polars_schema
from persona_assets.settings import SandboxSettings
from persona_assets.tables import Batch

_PROGRAM_RUN = "its program"
"""Key of the answers that programs gave, which never are rows; the name of no field."""
_PROGRAM = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row that a recipe reads, a persona or a row of another recipe, with what is drawn for it.

    Attributes:
        columns: of the row.
        sample: number among the rows made from it.
        drawn: label of each draw, and the world's name.
        values: what templates and checks get to know: the columns and what was drawn, with its texts.
    """

    columns: Mapping[str, Any]
    sample: int
    drawn: Mapping[str, str]
    values: Mapping[str, Any]

    @property
    def item_id(self) -> str | None:
        """Id of the other recipe's row."""
        return self.columns.get("item_id")

    @property
    def row_id(self) -> str:
        """Id for the quarantine."""
        return self.item_id or str(self.columns["persona_id"])

    @property
    def persona(self) -> str:
        """The persona's text."""
        return str(self.columns["persona"])


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a recipe's rows are made with, beside model and recipe.

    Attributes:
        seed_prompt: Text-to-Persona, for demonstrations without a persona.
        compare: measures the nearness of texts.
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
        asker: model and recipe file.
        rows: persona_hub, or the table of the recipe that this one reads.
        workshop: what else is needed.

    Yields:
        Batches of the recipe's table.
    """
    asker = _begin_answers(asker)
    recipe = asker.prompt.content
    demonstrator = await prepare_demonstrations(asker, workshop.seed_prompt, workshop.compare)
    scorer = _make_scorer(recipe, workshop.compare)

    def judge(source: SourceRow, values: Values) -> Verdict | Awaitable[Verdict]:
        runs_programs = workshop.sandbox.enabled and recipe.agreement and recipe.agreement.program
        if runs_programs and (program := _PROGRAM.search(values.get("text", ""))):
            return _judge_program(recipe, program[1], workshop.sandbox)
        if asker.prompt.echoes(values.get("text", "")):
            return Rejected("echoes_prompt")
        if recipe.begun:
            text = take_sentences(f"{_draw_opening(recipe, source)} {values['text']}", recipe.begun.sentences)
            if not text:
                return Rejected("truncated", "not one sentence is whole")
            values = {"text": text}
        return judge_answer(recipe, source, values)

    async def work(task: Task[SourceRow]) -> Outcome[SourceRow]:
        ready = await _add_demonstrations(asker, task, demonstrator)
        return await answer_task(asker.client, ready, judge, scorer)

    tasks = _plan(asker, rows, workshop.sandbox.enabled)
    outcomes = run_tasks(tasks, work, asker.window)
    async for batch in collect_batches(outcomes, _row_maker(recipe), polars_schema(recipe.schema_class())):
        yield batch


def _begin_answers(asker: Asker[RecipeFile]) -> Asker[RecipeFile]:
    recipe = asker.prompt.content
    begun = recipe.with_begun_answers() if asker.continues_answers else recipe.model_copy(update={"begun": None})
    return asker.with_content(begun)


def _draw_opening(recipe: RecipeFile, source: SourceRow) -> str | None:
    return recipe.draw_opening(source.row_id, source.sample)


def judge_answer(recipe: RecipeFile, source: SourceRow, values: Values) -> Verdict:
    """Read the fields of an answer and apply the recipe's checks."""
    if recipe.answer == "text":
        found = _read_fields(recipe, values["text"])
        if isinstance(found, Rejected):
            return found
        values = found
    for name in recipe.checks:
        flaw = CHECKS[name](values, source.values)
        if flaw:
            reason, _, detail = flaw.partition(": ")
            return Rejected(reason, detail)
    return Accepted(values)


def iter_sources(asker: Asker[RecipeFile], rows: pl.LazyFrame) -> Iterator[SourceRow]:
    """The rows that are asked about, each with what is drawn for it: by ids alone, so the same in every run."""
    recipe = asker.prompt.content
    draws = _read_draws(asker)
    limited = rows if asker.settings.limit is None else rows.head(asker.settings.limit)
    for frame in iter_frames(limited):
        for columns in frame.iter_rows(named=True):
            for sample in range(recipe.per_row):
                yield _draw_source(recipe, draws, columns, sample)


def make_common_columns(recipe: RecipeFile, outcome: Outcome[SourceRow], *content: object) -> dict[str, Any]:
    """The columns that the rows of every recipe have."""
    source = outcome.task.context
    persona_id = source.columns["persona_id"]
    return {
        "item_id": content_id("itm", recipe.asset, persona_id, source.item_id, source.sample, *content),
        "persona_id": persona_id,
        "persona": source.persona,
        "source_item_id": source.item_id,
        "model": outcome.model,
        "response_keys": list(outcome.keys),
        **source.drawn,
    }


def _row_maker(recipe: RecipeFile) -> Callable[[Outcome[SourceRow]], dict[str, Any]]:
    def make_row(outcome: Outcome[SourceRow]) -> dict[str, Any]:
        source, values = outcome.task.context, dict(outcome.values or {})
        votes = {"n_agree": int(outcome.score), "n_answers": outcome.accepted} if recipe.agreement else {}
        derived = {name: DERIVED[how](values, source.values) for name, how in recipe.derive.items()}
        return {**make_common_columns(recipe, outcome, *values.values()), **values, **votes, **derived}

    return make_row


async def _add_demonstrations(
    asker: Asker[RecipeFile], task: Task[SourceRow], demonstrator: Demonstrator
) -> Task[SourceRow]:
    shown = await demonstrator.choose_for(task.context.persona)
    messages = asker.prompt.render(shown, **task.context.values)
    request = asker.begin(replace(task.request, messages=messages), _draw_opening(asker.prompt.content, task.context))
    return replace(task, request=request, may_be_cut=asker.prompt.content.begun is not None)


def _plan(asker: Asker[RecipeFile], rows: pl.LazyFrame, runs_programs: bool) -> Iterator[Task[SourceRow]]:
    recipe = asker.prompt.content
    names: list[str | None] = [*recipe.worlds] or [None]
    models = {world: recipe.answer_model(world) if recipe.answer == "json" else None for world in names}
    agreement = recipe.agreement
    for source in iter_sources(asker, rows):
        task = asker.make_task(source.row_id, source, source.values, source.sample, models[source.drawn.get("world")])
        if agreement:
            task = replace(task, min_score=agreement.at_least, low_score="no_agreement")
            if agreement.program and runs_programs:
                prompt = Prompt(asker.prompt.name, asker.prompt.version, agreement.program)
                task = replace(task, variants=(replace(task.request, messages=prompt.render(**source.values)),))
        yield task


def _read_draws(asker: Asker[RecipeFile]) -> Draws:
    try:
        return change_draws(asker.prompt.content.draws, asker.settings.draws)
    except ValueError as error:
        raise PromptError(f"tasks.{asker.task}.{error}. Correct it in pipeline.toml.") from None


def _draw_source(recipe: RecipeFile, draws: Draws, columns: Mapping[str, Any], sample: int) -> SourceRow:
    lot = f"{recipe.asset}|{columns.get('item_id') or columns['persona_id']}|{sample}"
    drawn = {name: draw_option(f"{lot}|{name}", options) for name, options in draws.items()}
    values = {**columns, **describe_draws(draws, drawn)}
    if recipe.worlds:
        names = sorted(recipe.worlds)
        drawn["world"] = names[int(content_id("lot", lot)[4:12], 16) % len(names)]
        values["world"] = recipe.worlds[drawn["world"]].model_dump()
    return SourceRow(columns, sample, drawn, values)


def _read_fields(recipe: RecipeFile, text: str) -> Values | Rejected:
    if recipe.pattern:
        match = next(filter(None, (re.search(pattern, text) for pattern in recipe.pattern)), None)
        if not match:
            return Rejected("malformed", "the answer does not fit the recipe's pattern")
        found = {name: (match.group(name) or "").strip() for name in recipe.fields}
    else:
        found = {next(iter(recipe.fields)): text.strip()}
    try:
        return recipe.answer_model().model_validate(found).model_dump()
    except ValueError as error:
        return Rejected("malformed", " ".join(str(error).split())[:300])


async def _judge_program(recipe: RecipeFile, code: str, sandbox: SandboxSettings) -> Verdict:
    assert recipe.agreement is not None  # noqa: S101 - asked for only where there is one
    try:
        printed = await asyncio.to_thread(run_program, code, sandbox)
    except ProgramError as error:
        return Rejected("program_failed", str(error))
    last = printed.splitlines()[-1].strip() if printed else ""
    if not last:
        return Rejected("program_failed", "it prints nothing")
    return Accepted({_PROGRAM_RUN: code.strip(), recipe.agreement.field: last})


def _make_scorer(recipe: RecipeFile, compare: Compare) -> Scorer[SourceRow] | None:
    async def measure_nearness(source: SourceRow, candidates: Sequence[Values]) -> Sequence[float]:
        field = next(iter(recipe.fields))
        texts = [str(values[field]) for values in candidates]
        to_persona, *among = await compare([source.persona, *texts])
        if not recipe.begun:
            return to_persona[1:]
        # What a small model says in the words of the persona is nearest to it, and makes the least sense.
        agreements = rate_agreement([row[1:] for row in among])
        copied = [share_of_words_kept(source.persona, text, few=1) for text in texts]
        return [near + agreed - same for near, agreed, same in zip(to_persona[1:], agreements, copied, strict=True)]

    async def count_votes(_: SourceRow, candidates: Sequence[Values]) -> list[float]:
        assert recipe.agreement is not None  # noqa: S101 - chosen below
        answers = [str(values[recipe.agreement.field]) for values in candidates]
        votes = await asyncio.to_thread(count_equivalent, answers)
        # A program votes for an answer, and is no solution that anybody could read.
        return [0.0 if _PROGRAM_RUN in values else float(n) for values, n in zip(candidates, votes, strict=True)]

    if recipe.agreement:
        return count_votes
    return measure_nearness if recipe.prefer == "near_persona" else None
