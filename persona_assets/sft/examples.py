"""From dialogues and recipe rows to training examples: chat messages with their provenance."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import polars as pl

from persona_assets.accounting import Accounting
from persona_assets.characters.answer import introduce
from persona_assets.characters.profiles import ATTRIBUTES
from persona_assets.corpus.language import detect_language
from persona_assets.lake import iter_frames
from persona_assets.llm.answers import measure_compression
from persona_assets.prompts import Message, Prompt, PromptFile, render_template
from persona_assets.recipes.recipe import Recipe
from persona_assets.recipes.recipe_parts import TrainingExample
from persona_assets.records import QUARANTINE_COLUMNS, RECIPE_COLUMNS, SftMix, content_id, polars_schema
from persona_assets.sft.benchmarks import Benchmarks
from persona_assets.tables import Batch, TableInfo

_SCHEMA = polars_schema(SftMix)
_SOURCE_ITEM = "source_item_id"
UNKNOWN_TERMS = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a shard's rows come from, for provenance.

    Attributes:
        hub: persona_id, doc_id, license and family_id of the shard's hub.
        terms: patterns of models, each with the licence or terms that it comes under.
    """

    hub: pl.LazyFrame
    terms: Mapping[str, str] = field(default_factory=dict)

    def find_terms(self, model: str) -> str:
        """The terms of a model, by the first pattern that it matches."""
        return next((terms for pattern, terms in self.terms.items() if fnmatchcase(model, pattern)), UNKNOWN_TERMS)


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that rows were made from, and the column that leads to it."""

    rows: pl.DataFrame
    key: str


def make_role_play_examples(
    task: str,
    dialogues: pl.LazyFrame,
    characters: pl.LazyFrame,
    instructions: pl.LazyFrame,
    origin: Origin,
    table: TableInfo,
    prompt: Prompt[PromptFile],
    own: pl.LazyFrame | None = None,
) -> Iterator[Batch]:
    """Make examples of dialogues: the system message that characters speak under, then the turns.

    Args:
        dialogues: rows of dialogues_r or dialogues_g.
        prompt: `dialogues_g.yaml`, for the system message.
        own: item_id and persona_id of what the shard's own personas ask: whoever asked is the example's partner.
    """
    profiles = _Source(characters.select("character_id", "persona", *ATTRIBUTES).collect(), "character_id")
    answered = instructions.filter("has_answers").select(
        "instruction_id", text_original=pl.col("turns").list.last().struct.field("content")
    )
    # An instruction set that was changed since leaves its dialogues, and takes only the original answer along.
    rows = dialogues.rename({"license": "text_license"}).join(
        answered, on="instruction_id", how="left", maintain_order="left"
    )
    if own is not None:
        askers = own.select(instruction_id="item_id", partner_id="persona_id")
        rows = rows.join(askers, on="instruction_id", how="left", maintain_order="left")

    def make_messages(row: Mapping[str, Any]) -> list[Message]:
        return [*introduce(prompt, row), *row["turns"]]

    yield from _make_examples(task, "dialogue_id", rows, origin, [profiles], make_messages, table)


def make_recipe_examples(
    recipe: Recipe, rows: pl.LazyFrame, source: pl.LazyFrame | None, origin: Origin, table: TableInfo
) -> Iterator[Batch]:
    """Make examples of a recipe's rows by the templates of its file.

    Args:
        recipe: a recipe with `sft`.
        source: the table of the recipe that it reads, whose columns the templates may use.

    Yields:
        Batches of sft_mix; none for a recipe without `sft`.
    """
    template = recipe.content.sft
    if template is None:
        return
    sources: list[_Source] = []
    if source is not None:
        # Of a column that both have, the row's own counts.
        own = [*set(RECIPE_COLUMNS) - {"item_id"}, *set(rows.collect_schema()) - set(RECIPE_COLUMNS)]
        more = source.drop(own, strict=False).rename({"item_id": _SOURCE_ITEM})
        sources.append(_Source(more.collect(), _SOURCE_ITEM))
    licensed = rows.with_columns(text_license=pl.lit(None, pl.String))
    if "partner_id" in rows.collect_schema():
        # Who answers is another persona, of another source perhaps.
        partners = origin.hub.select(partner_id="persona_id", text_license="license")
        licensed = licensed.drop("text_license").join(partners, on="partner_id", how="left", maintain_order="left")

    def make_messages(row: Mapping[str, Any]) -> list[Message]:
        return _fill(template, row, recipe.name)

    yield from _make_examples(recipe.content.asset, "item_id", licensed, origin, sources, make_messages, table)


def take_out_benchmarks(batches: Iterable[Batch], benchmarks: Benchmarks) -> Iterator[Batch]:
    """Put the examples that hold a benchmark into quarantine, with its file and row."""
    for batch in batches:
        found = benchmarks.find(batch.rows["messages"].to_list())
        held = [(place, one) for place, one in enumerate(found) if one is not None]
        if not held:
            yield batch
            continue
        refused = [
            {
                "row_id": batch.rows["source_row_id"][place],
                "reason": one.reason,
                "detail": one.detail,
                "raw": json.dumps(batch.rows["messages"][place].to_list(), ensure_ascii=False),
                "response_key": next(reversed(batch.rows["response_keys"][place].to_list()), None),
            }
            for place, one in held
        ]
        reasons = Counter(one.reason for _, one in held)
        rows = batch.rows.filter(pl.Series([one is None for one in found]))
        account = Accounting.of_rows(batch.accounting.planned, rows.height, batch.accounting.dropped, reasons)
        account.count_flags(rows["flags"].to_list())
        yield Batch(rows, pl.DataFrame(refused, schema=QUARANTINE_COLUMNS), account)


def _make_examples(
    task: str,
    id_column: str,
    rows: pl.LazyFrame,
    origin: Origin,
    sources: Sequence[_Source],
    make_messages: Callable[[Mapping[str, Any]], list[Message]],
    table: TableInfo,
) -> Iterator[Batch]:
    everything = [_Source(origin.hub.collect(), "persona_id"), *sources]
    for read in iter_frames(rows):
        whole = _join(read, everything)
        examples = [
            _make_example(task, row[id_column], row, make_messages(row), origin, table)
            for row in whole.iter_rows(named=True)
        ]
        gone = read.height - whole.height
        accounting = Accounting.of_rows(read.height, whole.height, {"source_gone": gone} if gone else {}, {})
        accounting.count_flags(example["flags"] for example in examples)
        yield Batch(pl.DataFrame(examples, schema=_SCHEMA), pl.DataFrame(schema=QUARANTINE_COLUMNS), accounting)


def _make_example(
    task: str, row_id: str, row: Mapping[str, Any], messages: list[Message], origin: Origin, table: TableInfo
) -> dict[str, Any]:
    answers = "\n\n".join(message["content"] for message in messages if message["role"] == "assistant")
    model = row.get("model") or table.attributes["model"]
    return {
        "example_id": content_id("sft", task, row_id),
        "messages": messages,
        "task": task,
        "family_id": row["family_id"],
        "source_row_id": row_id,
        "persona_id": row["persona_id"],
        "partner_id": row.get("partner_id"),
        "doc_id": row["doc_id"],
        "license": _join_licenses(row["license"], row["text_license"]),
        "original": row.get("text_original"),
        "language": detect_language(answers),
        "n_turns": sum(message["role"] != "system" for message in messages),
        "n_chars": len(answers),
        "compression": measure_compression(answers),
        "model": model,
        "model_terms": origin.find_terms(model),
        "prompt_hash": table.attributes["code_version"],
        "flags": row["flags"],
        "response_keys": row["response_keys"],
    }


def _join(rows: pl.DataFrame, sources: Sequence[_Source]) -> pl.DataFrame:
    """Add the columns of what the rows were made from; rows whose source was replaced since are left out."""
    for source in sources:
        rows = rows.join(source.rows, on=source.key, how="inner", maintain_order="left")
    return rows


def _fill(template: TrainingExample, row: Mapping[str, Any], name: str) -> list[Message]:
    turns = (("system", template.system), ("user", template.user), ("assistant", template.assistant))
    written = [
        {"role": role, "content": render_template(text, row, f"sft part of recipe {name}").strip()}
        for role, text in turns
        if text
    ]
    return [*written, *row[template.turns]] if template.turns else written


def _join_licenses(*licenses: str | None) -> str:
    return " AND ".join(sorted(set(filter(None, licenses))))
