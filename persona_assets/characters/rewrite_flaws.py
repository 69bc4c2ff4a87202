"""What is wrong with the rewritten answers of a session."""

from collections.abc import Sequence
from dataclasses import dataclass

from persona_assets.characters.answer_flaws import find_added_numbers, find_answer_flaw, strip_name_label
from persona_assets.characters.sessions import Session
from persona_assets.characters.voices import NO_VOICES, Voices
from persona_assets.llm.answers import find_borrowed
from persona_assets.llm.kept import (
    keeps_code,
    share_copied,
    share_of_names_kept,
    share_of_numbers_kept,
    share_of_words_kept,
)
from persona_assets.llm.tasks import Accepted, Rejected, Values, Verdict

_LEAST_NUMBERS = 0.5
_LEAST_NAMES = 0.5


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near a rewritten answer is to be to the original.

    Attributes:
        most_copied: share of its words that may stand in runs of five as in the original.
        least_words: share of the original's long words that it keeps at least.
        few: long words of an original of which that can be said.
    """

    most_copied: float
    least_words: float
    few: int


NEARNESS = Nearness(most_copied=0.6, least_words=0.15, few=5)
NEARNESS_OF_SMALL = Nearness(most_copied=0.75, least_words=0.65, few=2)
"""A small model that says it in quite other words says something else."""


def judge_rewrite(
    session: Session,
    values: Values,
    demonstrations: Sequence[str] = (),
    nearness: Nearness = NEARNESS,
    voices: Voices = NO_VOICES,
) -> Verdict:
    """Refuse rewrites that change nothing, lose the facts or step out of character.

    Args:
        session: the original, and the character.
        values: `answer_1` to `answer_N`.
        demonstrations: texts of the prompt, whose phrases have no business in an answer.
        nearness: to the original.
        voices: what the character will say around the answers, which is no copy.
    """
    answers = [strip_name_label(str(value), session.character["name"]) for value in values.values()]
    pairs = list(zip(answers, session.answers, strict=True))
    for answer, original in pairs:
        flaw = find_answer_flaw(answer, session, demonstrations)
        if rejected := Rejected(flaw) if flaw else _find_loss(answer, original, demonstrations, nearness):
            return rejected
    spoken = voices.add_habits(session.row_id, session.character, answers)
    for said, original in zip(spoken, session.answers, strict=True):
        if (copied := share_copied(said, original)) > nearness.most_copied:
            return Rejected("unchanged", f"{copied:.0%} stands word for word in the original")
    if added := find_added_numbers(answers, session):
        return Rejected("adds_numbers", ", ".join(added))
    kept = sum(share_of_numbers_kept(answer, original) for answer, original in pairs) / len(pairs)
    if kept < _LEAST_NUMBERS:
        return Rejected("loses_facts", "fewer than half of the numbers of the original survive")
    named = sum(share_of_names_kept(answer, original) for answer, original in pairs) / len(pairs)
    if named < _LEAST_NAMES:
        return Rejected("loses_facts", "fewer than half of the names of the original survive")
    return Accepted({"answers": answers})


def _find_loss(answer: str, original: str, demonstrations: Sequence[str], nearness: Nearness) -> Rejected | None:
    if not keeps_code(answer, original):
        return Rejected("loses_facts", "a code block of the original is missing or changed")
    if len(answer) < len(original) / 6:
        return Rejected("too_short", answer)
    if borrowed := find_borrowed(answer, demonstrations) - find_borrowed(answer, [original]):
        return Rejected("copies_demonstration", "; ".join(sorted(borrowed)))
    if share_of_words_kept(answer, original, nearness.few) < nearness.least_words:
        return Rejected("loses_facts", "it speaks of something else")
    return None
