"""How several answers to one question become one row: equal ones are counted, and compared with the writer's own."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace

from persona_assets.errors import PromptError
from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Outcome, Refusal, Values, Verdict, Voter
from persona_assets.llm.tasks import answer_task
from persona_assets.prompts import Prompt
from persona_assets.recipes.answers import count_equivalent, equivalent
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.recipes.recipe_parts import Agreement
from persona_assets.recipes.sandbox import ProgramError, run_program
from persona_assets.recipes.sources import SourceRow
from persona_assets.row_checks import Doubt, Rejected, RowChecks
from persona_assets.settings import SandboxSettings

_PROGRAM = re.compile(r"```(?:python|py)?\s*\n(.*?)```", re.DOTALL)


def require_votes(asker: Asker[RecipeFile], agreement: Agreement, runs_programs: bool) -> None:
    """Raise a PromptError, before anything is asked, if fewer answers are drawn than are to agree."""
    votes = asker.candidates + runs_programs
    if votes >= agreement.at_least:
        return
    where = (
        f"tasks.{asker.task}.candidates"
        if asker.settings.candidates
        else f"candidates of recipe {asker.prompt.name}"
        if asker.prompt.content.candidates
        else "defaults.candidates"
    )
    raise PromptError(
        f"{where} is {asker.candidates}, and {agreement.at_least} answers of {asker.task} must agree, so that every one"
        f" would be refused: set tasks.{asker.task}.candidates to {agreement.at_least} or more, or leave it out."
    )


async def ask_program(asker: Asker[RecipeFile], source: SourceRow, sandbox: SandboxSettings) -> Outcome[SourceRow]:
    """Ask for the program of a row's agreement, run it, and give what it prints as `answer`."""
    agreement = asker.prompt.content.agreement
    assert agreement is not None and agreement.program is not None  # noqa: S101 - asked only where there is one
    prompt = Prompt(asker.prompt.name, asker.prompt.version, agreement.program)
    by_program = Asker(asker.client, prompt, asker.task, asker.shard, asker.settings, asker.defaults, asker.checks)

    async def judge(_: SourceRow, values: Values) -> Verdict:
        return await _run(values["text"], sandbox)

    task = by_program.make_task(source.row_id, source, source.values, source.sample)
    return await answer_task(asker.client, replace(task, candidates=1), judge)


def make_voter(agreement: Agreement, program: Outcome[SourceRow] | None) -> Voter[SourceRow]:
    """Make who counts the answers that agree with each; what a program printed is one of them, and never a row."""
    printed = [program.values["answer"]] if program and program.values else []

    async def count_votes(_: SourceRow, candidates: Sequence[Values]) -> Sequence[int]:
        answers = [str(values[agreement.field]) for values in candidates]
        return (await asyncio.to_thread(count_equivalent, [*answers, *printed]))[: len(answers)]

    return count_votes


async def compare_with_own(outcome: Outcome[SourceRow], agreement: Agreement, checks: RowChecks) -> None:
    """Doubt a row whose answer is not the one that the writer of its question gave."""
    own = outcome.task.context.columns.get(agreement.own) if agreement.own else None
    if outcome.values is None or not own:
        return
    answer = str(outcome.values[agreement.field])
    if await asyncio.to_thread(equivalent, answer, str(own)):
        return
    settled = checks.settle([Doubt("answer_differs", f"{answer} in place of {own}")])
    if isinstance(settled, Rejected):
        raw = json.dumps(dict(outcome.values), ensure_ascii=False, default=str)
        row_id = outcome.task.row_id
        outcome.refusals.append(Refusal(row_id, settled.reason, settled.detail, raw, outcome.keys))
        outcome.values = None
    else:
        outcome.values = {**outcome.values, "flags": [*outcome.values["flags"], *settled]}


async def _run(text: str, sandbox: SandboxSettings) -> Verdict:
    block = _PROGRAM.search(text)
    try:
        printed = await asyncio.to_thread(run_program, block[1] if block else text, sandbox)
    except ProgramError as error:
        return Rejected("program_failed", str(error))
    last = printed.splitlines()[-1].strip() if printed else ""
    return Accepted({"answer": last}) if last else Rejected("program_failed", "it prints nothing")
