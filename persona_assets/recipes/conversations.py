"""Simulated conversations: the persona speaks, and an assistant or another persona answers (Persona Hub, section 4.3).

Each side knows only its own part: the persona's turns come from the recipe's prompt with the transcript so far, an
assistant's from its own system text and the turns as chat messages.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl

from persona_assets.llm.answers import copies_any, speaks_as_model
from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Outcome, Rejected, Task, Values, Verdict
from persona_assets.llm.tasks import answer_task, collect_batches, run_tasks
from persona_assets.prompts import Demonstration, Message, render_template, strip_chat_marks
from persona_assets.recipes.demonstrations import Demonstrator, prepare_demonstrations
from persona_assets.recipes.make import SourceRow, Workshop, iter_sources, make_common_columns
from persona_assets.recipes.recipe import RecipeFile
from persona_assets.recipes.recipe_parts import Conversation
from persona_assets.records import content_id, polars_schema
from persona_assets.tables import Batch

_LABEL = re.compile(r"^\W*(?:you|user|person|me|assistant|they|other)\W{0,2}:\s*", re.IGNORECASE)
_FEWEST_TURNS = 2
_LONGEST_RUN = 10
"""Words in a row that a turn may share with an earlier one."""


@dataclass(frozen=True, slots=True)
class _Partner:
    """Who answers: another persona, or the assistant where there is no text."""

    persona_id: str | None
    persona: str


async def make_conversations(asker: Asker[RecipeFile], rows: pl.LazyFrame, workshop: Workshop) -> AsyncIterator[Batch]:
    """Make a shard's conversations.

    Args:
        asker: model and recipe file.
        rows: persona_hub, or the table of the recipe whose rows the conversations begin with.
        workshop: what else is needed; its partners are who a persona may talk to.

    Yields:
        Batches of the recipe's table.
    """
    recipe = asker.prompt.content
    demonstrator = await prepare_demonstrations(asker, workshop.seed_prompt, workshop.compare)

    async def work(task: Task[SourceRow]) -> Outcome[SourceRow]:
        return await _converse(asker, task, _find_partner(recipe, task.context, workshop.partners), demonstrator)

    def plan() -> Iterator[Task[SourceRow]]:
        for source in iter_sources(asker, rows):
            values = {**source.values, "transcript": "", "partner": "", "turn": 1}
            task = asker.make_task(source.row_id, source, values, source.sample)
            # To end as a demonstration ends is no copy of it.
            yield replace(task, demonstrations=[one for one in task.demonstrations if not _ends(recipe, one)])

    outcomes = run_tasks(plan(), work, asker.window)
    async for batch in collect_batches(outcomes, partial(_make_row, recipe), polars_schema(recipe.schema_class())):
        yield batch


def judge_turn(turns: Sequence[Message], role: str, end_mark: str, values: Values) -> Verdict:
    """Refuse a turn that says again what was said, speaks for a machine where a person speaks, or ends too early.

    Args:
        turns: the conversation so far.
        role: user or assistant, whose turn it is.
        end_mark: what a person says to end; none for an assistant.
        values: the reply.
    """
    text = _LABEL.sub("", values["text"].strip()).strip().strip('"“”').strip()
    if end_mark and end_mark in text:
        return Accepted({"text": "", "has_ended": True}) if len(turns) >= _FEWEST_TURNS else Rejected("ends_at_once")
    if not text:
        return Rejected("empty")
    if role == "user" and speaks_as_model(text):
        return Rejected("speaks_as_model", text[:200])
    if copies_any(text, [turn["content"] for turn in turns], words=_LONGEST_RUN):
        return Rejected("repetition", "says again what was said before")
    return Accepted({"text": text, "has_ended": False})


async def _converse(
    asker: Asker[RecipeFile], task: Task[SourceRow], partner: _Partner, demonstrator: Demonstrator
) -> Outcome[SourceRow]:
    recipe, source = asker.prompt.content, task.context
    settings = recipe.conversation
    assert settings is not None  # noqa: S101 - only such recipes come here
    total, turns, keys = Outcome(task), list[Message](), list[str]()
    if settings.opening:
        turns.append({"role": "user", "content": _open(asker, settings, source)})
    is_ended = False
    while not is_ended and (len(turns) < 2 * settings.user_turns or turns[-1]["role"] == "user"):
        role = "assistant" if turns and turns[-1]["role"] == "user" else "user"
        messages = await _put_question(asker, source, partner, turns, role, demonstrator)
        question = replace(task, request=replace(task.request, messages=messages))
        if role == "assistant" and settings.assistant and asker.settings.max_tokens is None:
            limit = settings.assistant.max_tokens
            question = replace(question, request=replace(question.request, max_tokens=limit))
        end_mark = "" if role == "assistant" and settings.assistant else settings.end_mark
        outcome = await answer_task(asker.client, question, _make_judge(asker, turns, role, end_mark))
        total.refusals += outcome.refusals
        total.dropped.update(outcome.dropped)
        if outcome.values is None:
            # What was said until then is a conversation, if it was answered.
            if len(turns) >= _FEWEST_TURNS and role == "user":
                break
            return total.abandon(outcome.refused, "unfinished_conversation" if keys else None)
        keys += outcome.keys
        total.model = outcome.model
        is_ended = outcome.values["has_ended"]
        if not is_ended:
            turns.append({"role": role, "content": outcome.values["text"]})
        elif role == "assistant":
            # What the partner has nothing to say to is no part of the talk.
            turns.pop()
    total.values, total.keys = {"turns": turns, "is_ended": is_ended, "partner": partner}, tuple(keys)
    return total


def _ends(recipe: RecipeFile, text: str) -> bool:
    return recipe.conversation is not None and recipe.conversation.end_mark in text


def _make_judge(
    asker: Asker[RecipeFile], turns: Sequence[Message], role: str, end_mark: str
) -> Callable[[SourceRow, Values], Verdict]:
    def judge(_: SourceRow, values: Values) -> Verdict:
        if asker.prompt.echoes(values["text"]):
            return Rejected("echoes_prompt")
        return judge_turn(turns, role, end_mark, values)

    return judge


def _open(asker: Asker[RecipeFile], settings: Conversation, source: SourceRow) -> str:
    return render_template(settings.opening, source.values, f"opening of recipe {asker.prompt.name}").strip()


async def _put_question(
    asker: Asker[RecipeFile],
    source: SourceRow,
    partner: _Partner,
    turns: Sequence[Message],
    role: str,
    demonstrator: Demonstrator,
) -> list[Message]:
    settings = asker.prompt.content.conversation
    if role == "assistant" and settings is not None and settings.assistant:
        system = render_template(settings.assistant.system, source.values, f"assistant of recipe {asker.prompt.name}")
        return [{"role": "system", "content": system.strip()}, *turns]
    speaker, other = (source.persona, partner.persona) if role == "user" else (partner.persona, source.persona)
    values = {
        **source.values,
        "persona": speaker,
        "partner": other,
        "transcript": write_transcript(turns, role),
        "turn": len(turns) // 2 + 1,
    }
    shown: Sequence[Demonstration] = await demonstrator.choose_for(speaker)
    return asker.prompt.render(shown, **values)


def write_transcript(turns: Sequence[Message], role: str) -> str:
    """The conversation so far as the speaker of a role sees it: "You" and "They"."""
    names = {role: "You", ({"user", "assistant"} - {role}).pop(): "They"}
    return "\n".join(f"{names[turn['role']]}: {strip_chat_marks(turn['content'])}" for turn in turns)


def _find_partner(recipe: RecipeFile, source: SourceRow, partners: pl.DataFrame | None) -> _Partner:
    settings = recipe.conversation
    if settings is None or settings.partner == "assistant" or partners is None:
        return _Partner(None, "")
    if partners.height < 2:
        return _Partner(None, "Somebody who has never met the other before.")
    place = int(content_id("lot", recipe.asset, source.row_id, source.sample)[4:14], 16)
    drawn, following = partners.row(place % partners.height), partners.row((place + 1) % partners.height)
    # Nobody talks with themselves; ids are unique, so the next one is another.
    return _Partner(*(drawn if drawn[0] != source.columns["persona_id"] else following))


def _make_row(recipe: RecipeFile, outcome: Outcome[SourceRow]) -> dict[str, Any]:
    values = outcome.values or {}
    turns = values["turns"]
    return {
        **make_common_columns(recipe, outcome, *(turn["content"] for turn in turns)),
        "partner_id": values["partner"].persona_id,
        "partner": values["partner"].persona or None,
        "turns": turns,
        "n_user_turns": sum(turn["role"] == "user" for turn in turns),
        "is_ended": values["is_ended"],
    }
