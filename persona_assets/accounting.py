"""The accounting of one materialisation: nothing disappears silently.

Two equations hold for every table of the lake, and a blocking asset check asserts them:

    planned = answered + refused                     tasks: what was asked of a model, or rows read
    parsed  = rows + dropped + quarantined           items: what the answers held

Beside them stand the rows that no task was planned for, how JSON answers came about, and which checks flag rows; no
equation binds them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True)
class Accounting:
    """Counts of one table, added up batch by batch.

    Attributes:
        planned: tasks planned (one for each row that was to be made).
        answered: tasks for which at least one reply arrived.
        parsed: items found in the replies (or rows read, where no model is asked).
        dropped: items left out on purpose, by reason; they can be made again from the ledger or the corpus.
        quarantined: items refused, by reason; each lies in the quarantine table.
        skipped: rows that could have been asked about and were not, by the setting that says so; they are no tasks.
        tiers: JSON answers by how they were read: clean, repaired, asked_again, malformed.
        formats: replies to requests for JSON by how it was asked for: schema, json, none; unknown where the ledger
            does not say.
        flagged: rows that at least one check flags.
        flags: rows by the checks that flag them; a row may have several.
    """

    planned: int = 0
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    parsed: int = 0
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    flagged: int = 0
    flags: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add another accounting, in place."""
        for name, count in other._counts().items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(count)
            else:
                setattr(self, name, mine + count)

    def count_flags(self, rows: Iterable[Sequence[str]]) -> None:
        """Count the flags of rows, in place."""
        for flags in rows:
            self.flagged += bool(flags)
            self.flags.update(flags)

    def find_imbalance(self) -> str | None:
        """Say which equation does not hold, or None when both do."""
        refused, dropped, quarantined = self.refused.total(), self.dropped.total(), self.quarantined.total()
        if self.planned != self.answered + refused:
            return f"planned {self.planned} is not answered {self.answered} + refused {refused}"
        if self.parsed != self.rows + dropped + quarantined:
            return f"parsed {self.parsed} is not rows {self.rows} + dropped {dropped} + quarantined {quarantined}"
        return None

    def to_dict(self) -> dict[str, int | dict[str, int]]:
        """Plain values, reasons in alphabetical order, for JSON."""
        counts = self._counts().items()
        return {name: dict(sorted(count.items())) if isinstance(count, Counter) else count for name, count in counts}

    @classmethod
    def from_dict(cls, values: Mapping[str, int | Mapping[str, int]]) -> Self:
        """Read what `to_dict` wrote."""
        counts = {name: Counter(value) if isinstance(value, Mapping) else value for name, value in values.items()}
        return cls(**counts)  # type: ignore[arg-type]

    @classmethod
    def of_rows(cls, read: int, rows: int, dropped: Mapping[str, int], quarantined: Mapping[str, int]) -> Self:
        """The accounting of a table made without a model: every row read is a task that answers itself."""
        return cls(read, read, Counter(), read, rows, Counter(dropped), Counter(quarantined))

    def _counts(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}
