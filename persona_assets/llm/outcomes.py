"""The words of a task's life: what is asked, the verdict on each reply, and what became of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from persona_assets.llm.request import ChatRequest
from persona_assets.row_checks import Rejected

C = TypeVar("C")
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task(Generic[C]):
    """One row to be made.

    Attributes:
        row_id: id under which a refused reply lies in quarantine.
        context: what the judge and the row need to know.
        candidates: replies drawn; the first without a flag is kept, else the first.
        answer_model: the fields of a JSON answer; None where the answer is plain text.
        least_votes: equal answers that a row needs; None where nothing votes.
        models: names of the models that the candidates are drawn from in turn; none: the request's own.
    """

    row_id: str
    request: ChatRequest
    context: C
    candidates: int = 1
    answer_model: type[BaseModel] | None = None
    least_votes: int | None = None
    models: tuple[str, ...] = ()

    def list_requests(self) -> list[ChatRequest]:
        """Every request of the task, one a candidate."""
        first = self.request.sample * self.candidates
        drawn = [self.request.with_sample(first + draw) for draw in range(self.candidates)]
        if len(self.models) < 2:
            return drawn
        return [replace(one, model=model) for one, model in zip(drawn, cycle(self.models), strict=False)]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A reply that is a row, or several.

    Attributes:
        values: of the row; `flags` are the names of the checks that doubt it.
        refused: items of the reply that are no rows, where it holds several.
        unflagged: rows of it that no check doubts, where it holds several.
    """

    values: Values
    refused: Sequence[Rejected] = ()
    unflagged: int | None = None

    @property
    def worth(self) -> int:
        """The rows of it that no check doubts, by which the best of several candidates is chosen."""
        return int(not self.values.get("flags")) if self.unflagged is None else self.unflagged


Verdict = Accepted | Rejected
Judge = Callable[[C, Values], Verdict | Awaitable[Verdict]]
"""Judges the values of an answer; those of a plain text answer are `{"text": …}`."""

Voter = Callable[[C, Sequence[Values]], Awaitable[Sequence[int]]]
"""Counts, for each accepted candidate of a task, those that agree with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reply in quarantine."""

    row_id: str
    reason: str
    detail: str
    raw: str
    keys: tuple[str, ...]


@dataclass(slots=True)
class Outcome(Generic[C]):
    """What became of a task.

    Attributes:
        votes: candidates that agree with the one that was kept.
        keys: ledger keys of the responses that the row was read from.
        refused: reason for which no reply came at all.
        dropped: replies that were good, but left out, by reason.
        tiers: how JSON answers were read: clean, repaired, asked_again, malformed.
        formats: how JSON was asked for: schema, json, none, unknown; each reply counts.
    """

    task: Task[C]
    values: Values | None = None
    model: str = ""
    votes: int = 1
    accepted: int = 0
    keys: tuple[str, ...] = ()
    refusals: list[Refusal] = field(default_factory=list)
    refused: str | None = None
    dropped: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)

    def abandon(self, refused: str | None, unfinished: str | None) -> Self:
        """Give up a task of several turns: `refused` is why its last turn got no reply, if that is the reason.

        `unfinished` is the word for the accounting where earlier turns were answered: those are in the ledger, and the
        row, not the task, is what was lost.
        """
        if unfinished:
            self.dropped[unfinished] += 1
        else:
            self.refused = refused
        return self
