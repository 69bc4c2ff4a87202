"""What must hold for a table of the lake: each check says in a sentence what is wrong, or nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from persona_assets.lake import Lake, iter_frames
from persona_assets.records import polars_schema
from persona_assets.tables import WHOLE

_SESSIONS = "source_instructions"
"""The one table that is not partitioned."""

_EXAMPLES = 5
_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        problem: what is wrong, or None.
        facts: numbers for the metadata: `rows` looked at, and what is wrong of them.
        stops: whether the problem stops the run where the check is one that may.
    """

    problem: str | None
    facts: Mapping[str, str | int | float]
    stops: bool = True


TableCheck = Callable[[Lake, str], Finding]
"""Takes the lake and the shard; the asset is bound when the check is made."""


def check_accounting(asset: str, may_be_empty: bool = False) -> TableCheck:
    """Every task and item is accounted for, and the rows are those of the file; a table without rows is a warning."""

    def check(lake: Lake, shard: str) -> Finding:
        info = lake.info(asset, shard)
        account = info.accounting
        problem = account.find_imbalance()
        if problem is None and account.rows != info.rows:
            problem = f"the account says {account.rows} rows, the file has {info.rows}"
        facts = {"planned": account.planned, "parsed": account.parsed, "rows": info.rows}
        if problem or info.rows or may_be_empty or info.attributes.get("kind") == "persona":
            return Finding(problem, facts)
        # It stops nothing: a shard may yield nothing of one kind and still be of use for the others.
        reasons = {**account.refused, **account.dropped, **account.quarantined}
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "nothing was planned"
        return Finding(f"the table is empty: {why}", facts, stops=False)

    return check


def check_schema(asset: str, schema: type[dy.Schema]) -> TableCheck:
    """Columns, types and the rules of the schema hold for every row, and no id occurs twice."""

    def check(lake: Lake, shard: str) -> Finding:
        table = lake.scan(asset, shard)
        expected, actual = pl.Schema(polars_schema(schema)), table.collect_schema()
        if dict(expected) != dict(actual):
            return Finding("columns or types differ", {"expected": str(dict(expected)), "actual": str(dict(actual))})
        [key] = schema.primary_key()
        repeated = table.group_by(key).len().filter(pl.col("len") > 1).collect()
        if repeated.height:
            examples = ", ".join(repeated[key].head(_EXAMPLES))
            facts = {"rows": lake.info(asset, shard).rows, "wrong": int(repeated["len"].sum())}
            return Finding(f"{repeated.height} ids occur more than once: {examples}", facts)
        broken: Counter[str] = Counter()
        rows = wrong = 0
        for frame in iter_frames(table, _ROWS):
            failure = schema.filter(frame, cast=True).failure
            broken.update(failure.counts())
            rows, wrong = rows + frame.height, wrong + len(failure)
        listed = ", ".join(f"{rule} in {count} rows" for rule, count in sorted(broken.items()))
        return Finding(f"rows break {listed}" if broken else None, {"rows": rows, "wrong": wrong})

    return check


def check_origins(asset: str, links: Mapping[str, Mapping[str, str]]) -> TableCheck:
    """What a row was made from is there: every id of some columns is that of a row of one of their target tables.

    Args:
        links: for each column with ids, the id column by target asset. A null is no link; a table that is not there
            has no row.
    """

    def check(lake: Lake, shard: str) -> Finding:
        problems, wrong = [], 0
        for column, targets in links.items():
            known = pl.concat(
                [
                    lake.scan(target, place).select(id=name)
                    for target, name in targets.items()
                    if lake.exists(target, place := WHOLE if target == _SESSIONS else shard)
                ]
            )
            ids = lake.scan(asset, shard).select(id=column).drop_nulls()
            lost = ids.join(known, on="id", how="anti").group_by("id").len().sort("id").collect()
            wrong += int(lost["len"].sum())
            if lost.height:
                examples = ", ".join(lost["id"].head(_EXAMPLES))
                problems.append(f"{lost.height} values of {column} are in no row of {' or '.join(targets)}: {examples}")
        return Finding("; ".join(problems) or None, {"rows": lake.info(asset, shard).rows, "wrong": wrong})

    return check


def check_user_turns(asset: str) -> TableCheck:
    """The user's turns of every dialogue are those of its instruction, to the letter."""

    def check(lake: Lake, shard: str) -> Finding:
        user = pl.col("turns").list.eval(pl.element().filter(pl.element().struct["role"] == "user").struct["content"])
        sources = lake.scan(_SESSIONS).select("instruction_id", original=user)
        if lake.exists("instructions", shard):
            own = lake.scan("instructions", shard).select(
                instruction_id="item_id", original=pl.concat_list("instruction")
            )
            sources = pl.concat([sources, own])
        changed = (
            lake.scan(asset, shard)
            .select("dialogue_id", "instruction_id", spoken=user)
            .join(sources, on="instruction_id", how="left")
            .filter(pl.col("spoken").ne_missing(pl.col("original")))
            .collect()
        )
        examples = ", ".join(changed["dialogue_id"].head(_EXAMPLES))
        return Finding(
            f"{changed.height} dialogues changed the user's turns: {examples}" if changed.height else None,
            {"rows": lake.info(asset, shard).rows, "wrong": changed.height},
        )

    return check


def check_last_turn(asset: str) -> TableCheck:
    """The last message of every example is the assistant's, and no message is empty."""

    def check(lake: Lake, shard: str) -> Finding:
        messages = pl.col("messages")
        wrong = (
            lake.scan(asset, shard)
            .filter(
                (messages.list.last().struct["role"] != "assistant")
                | (messages.list.eval(pl.element().struct["content"].str.strip_chars().str.len_chars()).list.min() == 0)
            )
            .select("example_id")
            .collect()
        )
        examples = ", ".join(wrong["example_id"].head(_EXAMPLES))
        return Finding(
            f"{wrong.height} examples do not end with an answer: {examples}" if wrong.height else None,
            {"rows": lake.info(asset, shard).rows, "wrong": wrong.height},
        )

    return check
