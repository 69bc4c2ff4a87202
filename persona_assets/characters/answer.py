"""Dialogues G: a character answers a session turn by turn, knowing what was said before."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from persona_assets.characters.checks import doubt_answer
from persona_assets.characters.dialogues import DIALOGUE_SCHEMA, make_dialogue_rows, strip_label
from persona_assets.characters.profiles import ATTRIBUTES
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
from persona_assets.prompts import Message, Prompt, PromptFile
from persona_assets.row_checks import RowChecks
from persona_assets.tables import Batch


async def answer_sessions(asker: Asker[PromptFile], sessions: Sequence[Session]) -> AsyncIterator[Batch]:
    """Have the characters of sessions answer them; the model does not read the original answers."""
    tasks = (
        asker.make_task(session.row_id, session, _fill(session.character, session.user_turns[0]))
        for session in sessions
    )

    async def work(task: Task[Session]) -> Outcome[Session]:
        return await _answer_in_turn(asker, task)

    async for batch in collect_batches(run_tasks(tasks, work, asker.window), make_dialogue_rows, DIALOGUE_SCHEMA):
        yield batch


def introduce(prompt: Prompt[PromptFile], character: Mapping[str, Any]) -> list[Message]:
    """The system message of `dialogues_g.yaml` that a character speaks under, when asked and in a release."""
    return prompt.render((), **_fill(character, ""))[:-1]


def judge_answer(checks: RowChecks, turn: int, session: Session, values: Values) -> Verdict:
    """Judge the answer to one question of a session, by its number from 0."""
    answer = strip_label(values["text"], session.character["name"])
    if not answer:
        return Rejected("empty")
    flags = checks.settle(doubt_answer(session, turn, answer, checks))
    return flags if isinstance(flags, Rejected) else Accepted({"text": answer, "flags": flags})


async def _answer_in_turn(asker: Asker[PromptFile], first: Task[Session]) -> Outcome[Session]:
    session, request, total = first.context, first.request, Outcome(first)
    answers: list[str] = []
    flags: dict[str, None] = {}
    for turn, question in enumerate(session.user_turns):
        if turn:
            asked = asker.prompt.render((), **_fill(session.character, question))[-1]
            request = request.with_turns({"role": "assistant", "content": answers[-1]}, asked)
        task = replace(first, request=request)
        outcome = await answer_task(asker.client, task, partial(judge_answer, asker.checks, turn))
        total.refusals += outcome.refusals
        total.dropped.update(outcome.dropped)
        if outcome.values is None:
            return total.abandon(outcome.refused, "unfinished_session" if answers else None)
        answers.append(outcome.values["text"])
        flags |= dict.fromkeys(outcome.values["flags"])
        total.keys = (*total.keys, *outcome.keys)
    total.values = {"answers": answers, "flags": list(flags)}
    return total


def _fill(character: Mapping[str, Any], question: str) -> dict[str, Any]:
    return {**{name: character[name] for name in ("persona", *ATTRIBUTES)}, "question": question}
