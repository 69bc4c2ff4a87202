"""Which candidates a release takes, into which split, and why the others are left out."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import polars as pl

from persona_assets.records import has_flag
from persona_assets.sft.mixes import Filters, Mix

SPLITS = ("train", "validation")
FLAGGED = "flagged"
LEFT_OUT = (
    "duplicate",
    "not_in_mix",
    FLAGGED,
    "language",
    "license",
    "model",
    "length",
    "repetition",
    "not_rated",
    "rating",
    "too_long",
    "families_apart",
    "weight",
    "persona_cap",
    "family_cap",
    "count",
)
"""Why a candidate is left out, in the order in which it is asked."""

_READ = (
    "example_id",
    "task",
    "persona_id",
    "partner_id",
    "source_row_id",
    "language",
    "license",
    "model",
    "n_chars",
    "compression",
    "flags",
)


@dataclass(frozen=True, slots=True)
class Measures:
    """What is known of candidates beside their rows.

    Attributes:
        ratings: source_row_id and rating, the mean of all criteria and judges.
        lengths: example_id, n_messages and n_tokens of what a cut leaves; None where nothing is counted in tokens.
    """

    ratings: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"source_row_id": pl.String, "rating": pl.Float64})
    )
    lengths: pl.DataFrame | None = None


def choose_examples(
    candidates: pl.LazyFrame, families: pl.DataFrame, mix: Mix, measures: Measures | None = None
) -> pl.DataFrame:
    """Decide for every candidate whether it is taken, and into which split.

    A task's weight is the share of its candidates that is taken, by a seeded hash of their ids; so a release
    grows with its shards without moving what it had. All examples of a family are on one side, and an example of
    two personas whose families are on different sides is on none.

    Returns:
        example_id, task, family_id, partner_family_id, flags and `fate`: train, validation, or why it is left out, the
        first of `LEFT_OUT` that holds.
    """
    frame = _judge_rows(_read(candidates, families, mix, measures or Measures()), mix)
    frame = _cap(frame, "persona_id", mix.max_per_persona, "persona_cap")
    frame = _cap(frame, "family_id", mix.max_per_family, "family_cap")
    for task, count in sorted(mix.counts.items()):
        frame = _cap(frame, "task", count, "count", pl.col("task") == task)
    split = pl.when(pl.col("is_held_out")).then(pl.lit("validation")).otherwise(pl.lit("train"))
    fate = pl.col("fate").fill_null(split)
    return frame.select("example_id", "task", "family_id", "partner_family_id", "flags", fate=fate)


def _read(candidates: pl.LazyFrame, families: pl.DataFrame, mix: Mix, measures: Measures) -> pl.DataFrame:
    partners = families.select(partner_id="persona_id", partner_family_id="family_id")
    rows = candidates.select(_READ).collect().join(families, on="persona_id", how="left", maintain_order="left")
    rows = rows.join(partners, on="partner_id", how="left", maintain_order="left").with_columns(
        pl.col("family_id").fill_null(pl.col("persona_id")), pl.col("partner_family_id").fill_null(pl.col("partner_id"))
    )
    rows = rows.join(measures.ratings, on="source_row_id", how="left", maintain_order="left")
    lengths = measures.lengths
    if lengths is not None:
        # A second occurrence has the same id, and the same length.
        known = lengths.unique("example_id", keep="first", maintain_order=True)
        rows = rows.join(known.select("example_id", "n_messages"), on="example_id", how="left", maintain_order="left")
    weights = pl.col("task").replace_strict(mix.weights, default=0.0, return_dtype=pl.Float64)
    held_out = pl.col("side") < mix.validation_share
    return rows.with_columns(
        weight=weights,
        rank=_draw("example_id", f"{mix.seed}/mix"),
        side=_draw("family_id", f"{mix.seed}/split"),
        partner_side=_draw("partner_family_id", f"{mix.seed}/split"),
    ).with_columns(
        is_held_out=held_out,
        is_apart=(held_out != (pl.col("partner_side") < mix.validation_share)).fill_null(value=False),
    )


def _judge_rows(rows: pl.DataFrame, mix: Mix) -> pl.DataFrame:
    filters = mix.filters
    too_long = pl.col("n_messages").fill_null(0) == 0 if "n_messages" in rows.columns else pl.lit(value=False)
    reasons: dict[str, pl.Expr] = {
        "duplicate": ~pl.col("example_id").is_first_distinct(),
        "not_in_mix": pl.col("weight") == 0,
        FLAGGED: has_flag(mix.exclude_flags),
        **_list_filters(rows, filters),
        "too_long": too_long,
        "families_apart": pl.col("is_apart"),
        "weight": pl.col("rank") >= pl.col("weight"),
    }
    fate = pl.coalesce(
        pl.when(condition.fill_null(value=False)).then(pl.lit(reason)) for reason, condition in reasons.items()
    )
    return rows.with_columns(fate=fate)


def _list_filters(rows: pl.DataFrame, filters: Filters) -> dict[str, pl.Expr]:
    licenses = [name for name in rows["license"].unique() if not _allows(name.split(" AND "), filters)]
    models = [name for name in rows["model"].unique() if filters.models and not matches(name, filters.models)]
    rated = pl.col("rating").is_not_null()
    return {
        "language": ~pl.col("language").is_in(filters.languages) if filters.languages else pl.lit(value=False),
        "license": pl.col("license").is_in(pl.Series(licenses, dtype=pl.String).implode()),
        "model": pl.col("model").is_in(pl.Series(models, dtype=pl.String).implode()),
        "length": (pl.col("n_chars") < (filters.min_chars or 0)) | (pl.col("n_chars") > (filters.max_chars or 1 << 40)),
        "repetition": pl.col("compression") > (filters.max_compression or float("inf")),
        "not_rated": ~rated & (filters.min_rating is not None and not filters.keep_unrated),
        "rating": pl.col("rating") < (filters.min_rating or 0),
    }


def _allows(names: Collection[str], filters: Filters) -> bool:
    is_wanted = not filters.licenses or all(matches(name, filters.licenses) for name in names)
    return is_wanted and not any(matches(name, filters.without_licenses) for name in names)


def matches(name: str, patterns: Collection[str]) -> bool:
    """Whether a name is one of some patterns, in which `*` stands for anything; upper and lower case are the same."""
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)


def _cap(rows: pl.DataFrame, column: str, most: int | None, reason: str, only: pl.Expr | None = None) -> pl.DataFrame:
    if most is None:
        return rows
    # Within its weight, so that the cap favours no task for being drawn rarely.
    order = pl.col("rank") / pl.col("weight")
    is_free = pl.col("fate").is_null()
    place = pl.int_range(pl.len()).over(column, is_free, order_by=order)
    is_over = is_free & (place >= most) & (pl.lit(value=True) if only is None else only)
    return rows.with_columns(fate=pl.when(is_over).then(pl.lit(reason)).otherwise("fate"))


def _draw(column: str, salt: str) -> pl.Expr:
    # Polars' own hash may change between versions; a release must not.
    return pl.col(column).map_elements(
        lambda value: int(hashlib.sha256(f"{salt}/{value}".encode()).hexdigest()[:13], 16) / 16**13,
        return_dtype=pl.Float64,
    )


def count_fates(chosen: pl.DataFrame, mix: Mix) -> dict[str, dict[str, int]]:
    """Count the candidates of each task by fate; a task that the mix names and nobody made is shown as empty."""
    counts: dict[str, dict[str, int]] = {task: {} for task in mix.weights}
    for task, fate, number in chosen.group_by("task", "fate").len().sort("task", "fate").iter_rows():
        counts.setdefault(task, {})[fate] = number
    return counts


def count_flags(chosen: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Count the candidates by the checks that flag them: those taken, and those left out for it."""
    counts: dict[str, dict[str, int]] = {}
    is_out = pl.col("fate") == FLAGGED
    counted = chosen.filter(is_out | pl.col("fate").is_in(SPLITS)).explode("flags").drop_nulls("flags")
    for check, was_out, number in counted.group_by("flags", is_out.alias("is_out")).len().sort("flags").iter_rows():
        counts.setdefault(check, {"taken": 0, "left_out": 0})["left_out" if was_out else "taken"] = number
    return counts


def total_taken(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Rows of each split over all tasks."""
    return {split: sum(count.get(split, 0) for count in counts.values()) for split in SPLITS}
