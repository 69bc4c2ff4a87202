"""Simulated conversations: the persona speaks, and an assistant or another persona answers (Persona Hub, section 4.3).

Each side knows only its own part: the persona's turns come from the recipe's prompt with the transcript so far, an
assistant's from its own system text and the turns as chat messages. How long the talk is was drawn before it begins,
so that each speaker is told which turn is their last.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from persona_assets.llm.asker import Asker
from persona_assets.llm.outcomes import Accepted, Outcome, Task, Values, Verdict
from persona_assets.llm.request import ChatRequest
from persona_assets.llm.tasks import answer_task, collect_batches, run_tasks
from persona_assets.prompts import Message, render_template, strip_chat_marks
from persona_assets.recipes.checks import doubt_turn, list_texts, read_language
from persona_assets.recipes.demonstrations import Demonstrator, prepare_demonstrations
from persona_assets.recipes.make import Workshop, make_common_columns, without_demonstrations
from persona_assets.recipes.recipe import RecipeFile, strip_quotes
from persona_assets.recipes.recipe_parts import AssistantPrompt, Conversation
from persona_assets.recipes.sources import SourceRow, iter_sources
from persona_assets.records import content_id, polars_schema
from persona_assets.row_checks import Doubt, Rejected, RowChecks
from persona_assets.tables import Batch

Role = Literal["user", "assistant"]

_LABEL = re.compile(r"^\W*(?:you|user|person|me|assistant|they|other)\W{0,2}:\s*", re.IGNORECASE)
_NOTHING_SAID = {"transcript": "", "partner": "", "turn": 1, "is_first": True, "is_last": False}


@dataclass(frozen=True, slots=True)
class _Partner:
    """Who answers: another persona, or the assistant where there is no text."""

    persona_id: str | None
    persona: str


_ASSISTANT = _Partner(None, "")


@dataclass(frozen=True, slots=True)
class _Talk:
    """One conversation to be had. `checks`: with what the recipe changes about them."""

    asker: Asker[RecipeFile]
    settings: Conversation
    source: SourceRow
    partner: _Partner
    demonstrator: Demonstrator
    checks: RowChecks
    length: int


async def make_conversations(asker: Asker[RecipeFile], rows: pl.LazyFrame, workshop: Workshop) -> AsyncIterator[Batch]:
    """Make a shard's conversations.

    Args:
        rows: persona_hub, or the table of the recipe whose rows the conversations begin with.
        workshop: what else is needed; its partners are who a persona may talk to.
    """
    recipe, settings = asker.prompt.content, asker.prompt.content.conversation
    assert settings is not None  # noqa: S101 - only such recipes come here
    demonstrator = await prepare_demonstrations(asker, workshop.seed_prompt, workshop.compare)
    plain, checks = without_demonstrations(asker), recipe.change_checks(asker.checks)

    def plan() -> Iterator[Task[SourceRow]]:
        for source in iter_sources(asker, rows):
            yield plain.make_task(source.row_id, source, {**source.values, **_NOTHING_SAID}, source.sample)

    async def work(task: Task[SourceRow]) -> Outcome[SourceRow]:
        source = task.context
        partner = _ASSISTANT if settings.assistant else _find_partner(source, workshop.partners)
        if partner is None:
            return Outcome(task, refused="no_partner")
        length = 2 * settings.draw_user_turns(source.lot)
        return await _converse(_Talk(asker, settings, source, partner, demonstrator, checks, length), task)

    def make_rows(outcome: Outcome[SourceRow]) -> Iterator[dict[str, Any]]:
        yield _make_row(recipe, outcome)

    outcomes = run_tasks(plan(), work, asker.window)
    async for batch in collect_batches(outcomes, make_rows, polars_schema(recipe.schema_class())):
        yield batch


def judge_turn(text: str, is_person: bool, source: SourceRow, turns: Sequence[Message], checks: RowChecks) -> Verdict:
    """Read a turn of a person or an assistant, without label or quotation marks around it, and apply the checks."""
    said = strip_quotes(_LABEL.sub("", text.strip()))
    if not said.strip('"“”').strip():
        return Rejected("empty")
    given = [*list_texts(source.values), *(turn["content"] for turn in turns)]
    flags = checks.settle(doubt_turn(said, is_person, checks, given, read_language(source.values), source.shown))
    return flags if isinstance(flags, Rejected) else Accepted({"text": said, "flags": flags})


def write_transcript(turns: Sequence[Message], role: Role) -> str:
    """The conversation so far as the speaker of a role sees it: "You" and "They"."""
    return "\n".join(
        f"{'You' if turn['role'] == role else 'They'}: {strip_chat_marks(turn['content'])}" for turn in turns
    )


async def _converse(talk: _Talk, task: Task[SourceRow]) -> Outcome[SourceRow]:
    total, turns = Outcome(task), _open(talk)
    keys: list[str] = []
    flags: dict[str, None] = {}
    while len(turns) < talk.length:
        role: Role = "assistant" if len(turns) % 2 else "user"
        outcome = await _ask_for_turn(talk, task, turns, role)
        total.refusals += outcome.refusals
        total.dropped.update(outcome.dropped)
        if outcome.values is None:
            del turns[len(turns) // 2 * 2 :]  # what nobody answers
            short = talk.checks.settle([Doubt("cut_short")])
            if not keys or not turns or isinstance(short, Rejected):
                return total.abandon(outcome.refused, "unfinished_conversation" if keys else None)
            flags |= dict.fromkeys(short)
            break
        turns.append({"role": role, "content": outcome.values["text"]})
        flags |= dict.fromkeys(outcome.values["flags"])
        keys += outcome.keys
        total.model = outcome.model
    total.values, total.keys = {"turns": turns, "partner": talk.partner, "flags": list(flags)}, tuple(keys)
    return total


async def _ask_for_turn(talk: _Talk, task: Task[SourceRow], turns: Sequence[Message], role: Role) -> Outcome[SourceRow]:
    assistant = talk.settings.assistant
    if role == "assistant" and assistant:
        request, source = _ask_assistant(talk, assistant, task.request, turns), talk.source
    else:
        request, source = await _ask_persona(talk, task.request, turns, role)
    is_person = role == "user" or assistant is None

    def judge(_: SourceRow, values: Values) -> Verdict:
        return judge_turn(values["text"], is_person, source, turns, talk.checks)

    return await answer_task(talk.asker.client, replace(task, request=request), judge)


def _ask_assistant(
    talk: _Talk, assistant: AssistantPrompt, request: ChatRequest, turns: Sequence[Message]
) -> ChatRequest:
    system = render_template(assistant.system, talk.source.values, f"assistant of recipe {talk.asker.prompt.name}")
    changed = talk.asker.settings, talk.asker.defaults
    if assistant.temperature is not None and all(one.temperature is None for one in changed):
        request = replace(request, temperature=assistant.temperature)
    if assistant.max_tokens is not None and all(one.max_tokens is None for one in changed):
        request = replace(request, max_tokens=assistant.max_tokens)
    return replace(request, messages=[{"role": "system", "content": system.strip()}, *turns])


async def _ask_persona(
    talk: _Talk, request: ChatRequest, turns: Sequence[Message], role: Role
) -> tuple[ChatRequest, SourceRow]:
    source, speaker, other = talk.source, talk.source.persona, talk.partner.persona
    if role == "assistant":
        speaker, other = other, speaker
    values = {
        **source.values,
        "persona": speaker,
        "partner": other,
        "transcript": write_transcript(turns, role),
        "turn": len(turns) // 2 + 1,
        "is_first": not turns,
        "is_last": len(turns) >= talk.length - 2,
    }
    shown = await talk.demonstrator.choose_for(source.lot, speaker)
    messages = talk.asker.prompt.render(shown, **values)
    return replace(request, messages=messages), replace(source, shown=tuple(one.answer_text() for one in shown))


def _open(talk: _Talk) -> list[Message]:
    if not talk.settings.opening:
        return []
    where = f"opening of recipe {talk.asker.prompt.name}"
    return [{"role": "user", "content": render_template(talk.settings.opening, talk.source.values, where).strip()}]


def _find_partner(source: SourceRow, partners: pl.DataFrame | None) -> _Partner | None:
    if partners is None or partners.is_empty():
        return None
    place, own = int(content_id("lot", source.lot, "partner")[4:14], 16), source.columns["persona_id"]
    # Nobody talks with themselves; ids are unique, so the next one is another, if there is one.
    drawn = next((row for step in (0, 1) if (row := partners.row((place + step) % partners.height))[0] != own), None)
    return _Partner(*drawn) if drawn else None


def _make_row(recipe: RecipeFile, outcome: Outcome[SourceRow]) -> dict[str, Any]:
    values = outcome.values or {}
    turns = values["turns"]
    return {
        **make_common_columns(recipe, outcome, *(turn["content"] for turn in turns)),
        "partner_id": values["partner"].persona_id,
        "partner": values["partner"].persona or None,
        "turns": turns,
        "n_user_turns": sum(turn["role"] == "user" for turn in turns),
    }
