"""Role-play dialogues (OpenCharacter, section 3.2): R rewrites a session's answers, G answers anew.

The user's turns never pass through the model on their way to a row: they are taken from the instruction
set to the letter, and only the answers are the model's.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from persona_assets.characters.answer_flaws import find_answer_flaw, strip_name_label
from persona_assets.characters.dialogue_choice import score_answers, score_rewrites
from persona_assets.characters.dialogue_prompt import DialoguePrompt
from persona_assets.characters.rewrite_flaws import NEARNESS, NEARNESS_OF_SMALL, judge_rewrite
from persona_assets.characters.sessions import Session
from persona_assets.characters.voices import NO_VOICES, Voices
from persona_assets.llm.agreement import Compare
from persona_assets.llm.answers import copies_any, take_sentences
from persona_assets.llm.asker import Asker
from persona_assets.llm.kept import says_nothing_new, share_of_numbers_kept
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
from persona_assets.prompts import Message
from persona_assets.records import Dialogues, content_id, polars_schema
from persona_assets.tables import Batch

_SCHEMA = polars_schema(Dialogues)
_SHORTEST = 20
_MOST_SENTENCES = 8
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n")
# A point or comma between digits is part of a number, and a comma ends a word, but no sentence.
_WRITTEN_WORD = r" (?:[^ .!?,;]|[0-9]+(?:[.,][0-9]+)+)+"
_WRITTEN_SENTENCE = rf"(?:{_WRITTEN_WORD}[,;]?){{2,}}{_WRITTEN_WORD}[.!?]"


async def rewrite_sessions(
    asker: Asker[DialoguePrompt], sessions: Sequence[Session], compare: Compare
) -> AsyncIterator[Batch]:
    """Dialogues R: one call rewrites every answer of a session in the character's voice.

    Args:
        asker: model and prompt file.
        sessions: sessions with their characters; those without answers are not to be among them.
        compare: among several candidates, one that says what the original says is kept.

    Yields:
        Batches of dialogues_r.
    """
    tasks = (_plan_rewrite(asker, session) for session in sessions)
    # What the model was told to do has no business in an answer, either.
    shown = (*asker.prompt.demonstration_texts(), asker.prompt.content.system)
    nearness, voices = NEARNESS_OF_SMALL if asker.is_small else NEARNESS, _voices_of(asker)

    def judge(session: Session, values: Values) -> Verdict:
        return judge_rewrite(session, values, shown, nearness, voices)

    async def work(task: Task[Session]) -> Outcome[Session]:
        return await answer_task(asker.client, task, judge, partial(score_rewrites, compare, asker.is_small))

    make_row = partial(_make_row, voices)
    async for batch in collect_batches(run_tasks(tasks, work, asker.window), make_row, _SCHEMA):
        yield batch


async def answer_sessions(
    asker: Asker[DialoguePrompt], sessions: Sequence[Session], compare: Compare
) -> AsyncIterator[Batch]:
    """Dialogues G: the character answers turn by turn, knowing what was said before.

    Args:
        asker: model and prompt file.
        sessions: sessions with their characters; the model does not read the original answers.
        compare: among several candidates, one that speaks of what was asked is kept.

    Yields:
        Batches of dialogues_g.
    """
    tasks = (
        asker.make_task(session.row_id, session, {"character": session.character, "instruction": session.user_turns[0]})
        for session in sessions
    )

    async def work(task: Task[Session]) -> Outcome[Session]:
        return await _answer_in_turn(asker, task, compare)

    make_row = partial(_make_row, _voices_of(asker))
    async for batch in collect_batches(run_tasks(tasks, work, asker.window), make_row, _SCHEMA):
        yield batch


def judge_answer(session: Session, values: Values, demonstrations: Sequence[str] = ()) -> Verdict:
    """Refuse an answer that steps out of character, speaks for the user, or recites the profile or a demonstration."""
    answer = strip_name_label(values["text"], session.character["name"])
    flaw = find_answer_flaw(answer, session, demonstrations)
    return Rejected(flaw, answer[:200]) if flaw else Accepted({"text": answer})


@lru_cache(maxsize=1_024)
def rewrite_model(answers: int, patterns: tuple[str, ...] = ()) -> type[BaseModel]:
    """The fields of a rewritten session: `answer_1` to `answer_N`, each after its pattern where there are any."""
    fields: Mapping[str, Any] = {
        f"answer_{number}": (str, Field(min_length=_SHORTEST, pattern=pattern))
        for number, pattern in enumerate(patterns or [None] * answers, start=1)
    }
    return create_model("RewrittenSession", __config__=ConfigDict(str_strip_whitespace=True), **fields)


def write_pattern(opening: str, original: str) -> str:
    """The pattern of an answer that begins with its opening and has no more sentences than the original.

    A small model that may go on after it goes round in circles, or adds what has nothing to do with the question. A
    sentence has no longest length: a model that comes to its end breaks off and puts a point there.
    """
    sentences = min(max(1, len(_SENTENCE.findall(original))), _MOST_SENTENCES) - 1
    begun = re.sub(r"([^\w\s,;:'’-])", r"\\\1", opening)
    return rf"^{begun}{_WRITTEN_SENTENCE}(?:{_WRITTEN_SENTENCE}){{0,{sentences}}}$"


def _plan_rewrite(asker: Asker[DialoguePrompt], session: Session) -> Task[Session]:
    values = {"character": session.character, "questions": session.user_turns, "answers": session.answers}
    # A pattern has no room for the lines of a program.
    has_code = any("```" in answer for answer in session.answers)
    openings = [] if has_code else _draw_openings(asker, session)
    patterns = map(write_pattern, openings, session.answers)
    model = rewrite_model(len(session.answers), tuple(patterns))
    return asker.make_task(session.row_id, session, values, answer_model=model)


def _draw_openings(asker: Asker[DialoguePrompt], session: Session) -> list[str]:
    return _voices_of(asker).draw_openings(session.row_id, session.character, session.user_turns)


def _voices_of(asker: Asker[DialoguePrompt]) -> Voices:
    """How characters speak for whom the model only goes on."""
    return asker.prompt.content.voices if asker.continues_answers else NO_VOICES


async def _answer_in_turn(asker: Asker[DialoguePrompt], first: Task[Session], compare: Compare) -> Outcome[Session]:
    request, session = first.request, first.context
    openings = _draw_openings(asker, session)
    keys: list[str] = []
    answers: list[str] = []
    total = Outcome(first)
    for number, question in enumerate(session.user_turns):
        if number:
            request = request.with_turns(
                {"role": "assistant", "content": answers[-1]}, {"role": "user", "content": question}
            )
        opening = openings[number] if openings else ""
        sentences = asker.prompt.content.begun.sentences if opening and asker.prompt.content.begun else None
        task = replace(first, request=asker.begin(request, opening), may_be_cut=sentences is not None)
        score = partial(score_answers, compare, asker.is_small, number)
        judge = _make_judge(answers, opening, first.demonstrations, sentences)
        outcome = await answer_task(asker.client, task, judge, score)
        total.refusals += outcome.refusals
        total.dropped.update(outcome.dropped)
        if outcome.values is None:
            return total.abandon(outcome.refused, "unfinished_session" if answers else None)
        answers.append(outcome.values["text"])
        keys += outcome.keys
    total.values, total.keys = {"answers": answers}, tuple(keys)
    return total


def _make_judge(
    earlier: Sequence[str], opening: str, demonstrations: Sequence[str], sentences: int | None
) -> Callable[[Session, Values], Verdict]:
    def judge(session: Session, values: Values) -> Verdict:
        text = f"{opening} {values['text']}".strip()
        if sentences:
            text = take_sentences(text, sentences)
        if not text:
            return Rejected("truncated", "not one sentence is whole")
        if sentences and says_nothing_new(text.removeprefix(opening), session.user_turns):
            return Rejected("says_nothing", "all its words are those of the question")
        if copies_any(text, earlier, words=12):
            return Rejected("repetition", "says again what it said before")
        # What a small model reckons is wrong; a large one may say the same in other numbers.
        if sentences and session.is_answered and not _keeps_a_number(text, session, len(earlier)):
            return Rejected("wrong_numbers", "none of those of the original answer")
        return judge_answer(session, {"text": text}, demonstrations)

    return judge


def _keeps_a_number(text: str, session: Session, turn: int) -> bool:
    return share_of_numbers_kept(text, session.answers[turn], known=session.user_turns[turn]) > 0


def _make_row(voices: Voices, outcome: Outcome[Session]) -> dict[str, Any]:
    session = outcome.task.context
    answers = voices.add_habits(session.row_id, session.character, (outcome.values or {})["answers"])
    turns = interleave(session.user_turns, answers)
    return {
        "dialogue_id": content_id("dia", session.character["character_id"], session.instruction_id, *answers),
        "character_id": session.character["character_id"],
        "persona_id": session.character["persona_id"],
        "instruction_id": session.instruction_id,
        "turns": turns,
        "n_turns": len(turns),
        "license": session.license,
        "response_keys": list(outcome.keys),
    }


def interleave(questions: Sequence[str], answers: Sequence[str]) -> list[Message]:
    """Put the user's turns and the answers in order."""
    return [
        turn
        for question, answer in zip(questions, answers, strict=True)
        for turn in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    ]
