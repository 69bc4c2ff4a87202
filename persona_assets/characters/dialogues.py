"""Role-play dialogues (OpenCharacter, section 3.2): a session with the answers of a character.

The user's turns never pass through the model on their way to a row: they are taken from the instruction
set to the letter, and only the answers are the model's.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from persona_assets.characters.sessions import Session
from persona_assets.llm.outcomes import Outcome
from persona_assets.prompts import Message
from persona_assets.records import Dialogues, content_id, polars_schema

DIALOGUE_SCHEMA = polars_schema(Dialogues)


def make_dialogue_rows(outcome: Outcome[Session]) -> Iterator[dict[str, Any]]:
    """Make the row of a session that was answered."""
    session, values = outcome.task.context, outcome.values or {}
    turns = interleave(session.user_turns, values["answers"])
    yield {
        "dialogue_id": content_id("dia", session.character["character_id"], session.instruction_id, *values["answers"]),
        "character_id": session.character["character_id"],
        "persona_id": session.character["persona_id"],
        "instruction_id": session.instruction_id,
        "turns": turns,
        "n_turns": len(turns),
        "license": session.license,
        "flags": values["flags"],
        "response_keys": list(outcome.keys),
    }


def interleave(questions: Sequence[str], answers: Sequence[str]) -> list[Message]:
    """Put the user's turns and the answers in order."""
    return [
        turn
        for question, answer in zip(questions, answers, strict=True)
        for turn in ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    ]


def strip_label(text: str, name: str) -> str:
    """Take away the name that some models put before what a character says."""
    given = re.escape(name.split(maxsplit=1)[0])
    return re.sub(rf"^\s*\**(?:{re.escape(name)}|{given})\**\s*:\**\s*", "", text.strip(), flags=re.IGNORECASE)
