"""Dialogues R: one call tells the answers of a session again, in the voice of a character."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from persona_assets.characters.checks import doubt_answer, doubt_rewrite
from persona_assets.characters.dialogues import DIALOGUE_SCHEMA, make_dialogue_rows, strip_label
from persona_assets.characters.sessions import Session
from persona_assets.llm.asker import Asker
from persona_assets.llm.tasks import (
    Accepted,
    Outcome,
    Rejected,
    Task,
    Values,
    Verdict,
    answer_task,
    collect_batches,
    run_tasks,
)
from persona_assets.prompts import PromptFile
from persona_assets.row_checks import RowChecks
from persona_assets.tables import Batch

_LEAST_ROOM = 512
"""Tokens that a reply may have beyond those of the original answers."""


async def rewrite_sessions(asker: Asker[PromptFile], sessions: Sequence[Session]) -> AsyncIterator[Batch]:
    """Rewrite the answers of sessions. `sessions`: sessions with their characters, each of them answered."""
    tasks = (plan_rewrite(asker, session) for session in sessions)

    async def work(task: Task[Session]) -> Outcome[Session]:
        return await answer_task(asker.client, task, partial(judge_rewrite, asker.checks))

    async for batch in collect_batches(run_tasks(tasks, work, asker.window), make_dialogue_rows, DIALOGUE_SCHEMA):
        yield batch


def plan_rewrite(asker: Asker[PromptFile], session: Session) -> Task[Session]:
    """Plan the one call of a session, with room for answers as long as the original ones."""
    values = {"character": session.character, "questions": session.user_turns, "answers": session.answers}
    usual = asker.prompt.content.max_tokens
    # Two tokens for three characters: more than twice what English takes.
    needed = 2 * sum(map(len, session.answers)) // 3 + _LEAST_ROOM
    return asker.make_task(
        session.row_id,
        session,
        values,
        answer_model=rewrite_model(len(session.answers)),
        max_tokens=max(usual, needed) if usual else None,
    )


@lru_cache(maxsize=1_024)
def rewrite_model(answers: int) -> type[BaseModel]:
    """The fields of a rewritten session: `answer_1` to `answer_N`."""
    fields: Mapping[str, Any] = {f"answer_{number}": (str, Field(min_length=1)) for number in range(1, answers + 1)}
    return create_model("RewrittenSession", __config__=ConfigDict(str_strip_whitespace=True), **fields)


def judge_rewrite(checks: RowChecks, session: Session, values: Values) -> Verdict:
    """Judge the rewritten answers of a session. `values`: `answer_1` to `answer_N`."""
    answers = [strip_label(str(value), session.character["name"]) for value in values.values()]
    if not all(answers):
        return Rejected("empty")
    flags = checks.settle(
        doubt
        for turn, answer in enumerate(answers)
        for doubt_of in (doubt_answer, doubt_rewrite)
        for doubt in doubt_of(session, turn, answer, checks)
    )
    return flags if isinstance(flags, Rejected) else Accepted({"answers": answers, "flags": flags})
