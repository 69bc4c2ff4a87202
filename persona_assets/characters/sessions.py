"""Which characters answer which instruction sessions.

The paper draws n characters at random from one global pool for each session. A shard knows only its own
characters, so it takes a share of the sessions that fits their number and draws the n characters for each
from its own. Both draws are by seeded hashes of the ids alone: sessions or characters that are added take
places of their own, and what was paid for stays in use.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_assets.characters.profiles import ATTRIBUTES
from persona_assets.personas.draws import rank, rank_by
from persona_assets.prompts import Message
from persona_assets.settings import DialogueSettings

_CHARACTER = ["character_id", "persona_id", "persona", *ATTRIBUTES]


@dataclass(frozen=True, slots=True)
class Session:
    """One instruction session given to one character. `turns`: user's turns and the original answers, in order."""

    instruction_id: str
    turns: tuple[Message, ...]
    license: str
    character: dict[str, Any]

    @property
    def user_turns(self) -> list[str]:
        """The user's turns, to the letter."""
        return [turn["content"] for turn in self.turns if turn["role"] == "user"]

    @property
    def answers(self) -> list[str]:
        """The original answers."""
        return [turn["content"] for turn in self.turns if turn["role"] == "assistant"]

    @property
    def is_answered(self) -> bool:
        """Whether every turn of the user has an original answer."""
        return len(self.answers) == len(self.user_turns)

    @property
    def row_id(self) -> str:
        """Id of the pair, for the quarantine."""
        return f"{self.character['character_id']}+{self.instruction_id}"


def draw_sessions(
    characters: pl.DataFrame, instructions: pl.LazyFrame, settings: DialogueSettings, shard: str
) -> list[Session]:
    """Draw the sessions of a shard and the characters that answer them.

    Args:
        settings: characters a session, dialogues a character, seed.

    Returns:
        One session for each dialogue to be made, the same for the same arguments.
    """
    if characters.is_empty():
        return []
    per_session, wanted = _count_wanted(characters.height, settings)
    return _draw(characters, _of_nobody(instructions), per_session, wanted, settings.seed, shard)


def _of_nobody(instructions: pl.LazyFrame) -> pl.LazyFrame:
    return instructions.with_columns(persona_id=pl.lit(None, pl.String))


def _draw(
    characters: pl.DataFrame, instructions: pl.LazyFrame, per_session: int, wanted: int, seed: int, shard: str
) -> list[Session]:
    # Ranked by a hash of its own id, a session keeps its place when others are added.
    drawn = (
        instructions.with_columns(rank=rank_by("instruction_id", f"{seed}/{shard}"))
        .sort("rank", "instruction_id")
        .head(wanted)
        .select("instruction_id", "turns", "license", "persona_id")
        .collect()
    )
    people = characters.select(_CHARACTER).sort("character_id").to_dicts()
    return list(_assign(drawn, people, per_session, seed, shard))


def draw_with_own(
    characters: pl.DataFrame, instructions: pl.LazyFrame, own: pl.LazyFrame, settings: DialogueSettings, shard: str
) -> list[Session]:
    """Draw the sessions of a shard from the instruction sets and from what its own personas ask.

    Args:
        own: sessions made of the shard's persona-driven instructions: instruction_id, turns, license and persona_id,
            of who asks and is not asked.
        settings: as for `draw_sessions`, and the share that is to be the shard's own.

    Returns:
        The sessions of the instruction sets, then the shard's own; where the shard has fewer, more of the others.
    """
    if characters.is_empty():
        return []
    per_session, wanted = _count_wanted(characters.height, settings)
    there = int(own.select(pl.len()).collect().item())
    mine = min(there, round(wanted * settings.own_instructions))
    return [
        *_draw(characters, _of_nobody(instructions), per_session, wanted - mine, settings.seed, shard),
        *_draw(characters, own, per_session, mine, settings.seed, shard),
    ]


def limit_sessions(sessions: list[Session], limit: int | None) -> list[Session]:
    """Draw some of the sessions by their ids, each with all its characters as far as the limit goes.

    Args:
        sessions: those of `draw_sessions` or `draw_with_own`.
        limit: how many pairs of session and character; None for all.
    """
    if limit is None or len(sessions) <= limit:
        return sessions
    lots = {session.instruction_id: rank(f"limit/{session.instruction_id}") for session in sessions}
    places = sorted(range(len(sessions)), key=lambda place: lots[sessions[place].instruction_id])
    return [sessions[place] for place in sorted(places[:limit])]


def make_own_sessions(instructions: pl.LazyFrame, personas: pl.LazyFrame) -> pl.LazyFrame:
    """Make sessions of persona-driven instructions (OpenCharacter, section 3.2), which have no answers.

    Args:
        instructions: rows of the recipe `instructions`.

    Returns:
        instruction_id (the item's id), turns, license and persona_id, of who asks.
    """
    turn = pl.struct(role=pl.lit("user"), content="instruction")
    return instructions.join(personas.select("persona_id", "license"), on="persona_id", how="inner").select(
        "persona_id", "license", instruction_id="item_id", turns=pl.concat_list(turn)
    )


def count_dialogues(characters: int, instructions: int, settings: DialogueSettings, own: int = 0) -> int:
    """Count the dialogues that `draw_sessions` gives, or `draw_with_own`, by the settings."""
    if not characters:
        return 0
    per_session, wanted = _count_wanted(characters, settings)
    mine = min(own, round(wanted * settings.own_instructions))
    return (min(wanted - mine, instructions) + mine) * per_session


def _count_wanted(characters: int, settings: DialogueSettings) -> tuple[int, int]:
    per_session = min(settings.characters_per_session, characters)
    return per_session, math.ceil(characters * settings.per_character / per_session)


def _assign(
    drawn: pl.DataFrame, people: list[dict[str, Any]], per_session: int, seed: int, shard: str
) -> Iterator[Session]:
    salt = f"{seed}/{shard}"
    marks = np.array([rank(f"{salt}/{person['character_id']}") for person in people], dtype=np.uint64)
    for row in drawn.iter_rows(named=True):
        turns = tuple({"role": turn["role"], "content": turn["content"]} for turn in row["turns"])
        # The session's own lots decide: another session or character more leaves the pairs there are as they were.
        lots = _mix(marks ^ np.uint64(rank(f"{salt}/{row['instruction_id']}")))
        ranked = (people[index] for index in np.argsort(lots, kind="stable").tolist())
        # Nobody is asked what they asked themselves: the next in rank is.
        others = (person for person in ranked if person["persona_id"] != row["persona_id"])
        for person in islice(others, per_session):
            yield Session(row["instruction_id"], turns, row["license"], person)


def _mix(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter numbers over 64 bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
