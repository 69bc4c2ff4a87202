"""The shapes that trainers read, made from chat messages, with the snippet of configuration that loads each.

| folder | row | read by |
|---|---|---|
| (the release itself) | messages: role, content | TRL, Axolotl, LLaMA-Factory |
| sharegpt | conversations: from, value | Axolotl, LLaMA-Factory |
| alpaca | instruction, input, output, system, history | LLaMA-Factory |
| preference | prompt, chosen, rejected as messages | TRL, Axolotl |
| preference_sharegpt | the same as conversations | LLaMA-Factory |
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from persona_assets.sft.choice import SPLITS

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
_TAGS = ("role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")
_ROLE_TAGS = dict(zip(_TAGS, ("role", "content", "user", "assistant", "system"), strict=True))
_SPEAKER_TAGS = dict(zip(_TAGS, ("from", "value", "human", "gpt", "system"), strict=True))
_ALPACA = {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}
_LLAMA_FACTORY: Mapping[str, Mapping[str, Any]] = {
    "messages": {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": _ROLE_TAGS},
    "sharegpt": {"formatting": "sharegpt", "columns": {"messages": "conversations"}, "tags": _SPEAKER_TAGS},
    "alpaca": {"formatting": "alpaca", "columns": _ALPACA},
    "preference_sharegpt": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
        "tags": _SPEAKER_TAGS,
    },
}
_AXOLOTL: Mapping[str, Mapping[str, Any]] = {
    "messages": {"type": "chat_template", "field_messages": "messages", "roles_to_train": ["assistant"]},
    "sharegpt": {
        "type": "chat_template",
        "field_messages": "conversations",
        "message_property_mappings": {"role": "from", "content": "value"},
        "roles_to_train": ["assistant"],
    },
    "preference": {
        "type": "chat_template.default",
        "field_messages": "prompt",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
    },
}


def list_folders(formats: Sequence[str]) -> list[str]:
    """The folders that formats are written to, beside the release's own files."""
    return [folder for name in formats for folder in _FOLDERS[name]]


def write_formats(release: Path, formats: Sequence[str], splits: Mapping[str, pl.LazyFrame]) -> dict[str, int]:
    """Write the shapes of a release, and what loads them; returns the rows of each folder, over both splits."""
    counts: dict[str, int] = {}
    for folder in list_folders(formats):
        (release / folder).mkdir()
        for split, rows in splits.items():
            shaped = _SHAPES[folder](rows)
            shaped.sink_parquet(release / folder / f"{split}.parquet")
            counts[folder] = counts.get(folder, 0) + _count(release / folder / f"{split}.parquet")
    _write_llama_factory(release, list_folders(formats))
    _write_axolotl(release, list_folders(formats))
    return counts


def _shape_sharegpt(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select("example_id", conversations=_rename_turns(pl.col("messages")), synthetic="synthetic")


def _shape_alpaca(rows: pl.LazyFrame) -> pl.LazyFrame:
    talk = pl.col("messages").list.filter(pl.element().struct.field("role") != "system")
    said = talk.list.eval(pl.element().struct.field("content"))
    systems = pl.col("messages").list.filter(pl.element().struct.field("role") == "system")
    history = pl.struct(said=said).map_batches(_pair_history, return_dtype=pl.List(pl.List(pl.String)))
    return rows.select(
        "example_id",
        instruction=said.list.get(-2),
        input=pl.lit(""),
        output=said.list.get(-1),
        system=systems.list.first().struct.field("content").fill_null(""),
        history=history,
        synthetic="synthetic",
    )


def _pair_history(column: pl.Series) -> pl.Series:
    talks = column.struct.field("said").to_list()
    pairs = [[said[place : place + 2] for place in range(0, len(said) - 2, 2)] for said in talks]
    return pl.Series(pairs, dtype=pl.List(pl.List(pl.String)))


def _shape_preference(rows: pl.LazyFrame) -> pl.LazyFrame:
    return _choose_pairs(rows).select(
        "example_id",
        prompt=pl.col("messages").list.head(pl.col("messages").list.len() - 1),
        chosen=pl.col("messages").list.tail(1),
        rejected=pl.concat_list(_turn("role", pl.lit("assistant"), "content", pl.col("original"))),
        synthetic="synthetic",
    )


def _shape_preference_sharegpt(rows: pl.LazyFrame) -> pl.LazyFrame:
    turns = pl.col("messages")
    return _choose_pairs(rows).select(
        "example_id",
        conversations=_rename_turns(turns.list.head(turns.list.len() - 1)),
        chosen=_turn("from", pl.lit("gpt"), "value", turns.list.last().struct.field("content")),
        rejected=_turn("from", pl.lit("gpt"), "value", pl.col("original")),
        synthetic="synthetic",
    )


def _choose_pairs(rows: pl.LazyFrame) -> pl.LazyFrame:
    # A talk that was cut ends with another question than the original answer is to.
    return rows.filter(pl.col("original").is_not_null(), ~pl.col("is_cut"))


def _turn(role: str, speaker: pl.Expr, content: str, text: pl.Expr) -> pl.Expr:
    return pl.struct(speaker.alias(role), text.alias(content))


def _rename_turns(turns: pl.Expr) -> pl.Expr:
    speaker = pl.element().struct.field("role").replace_strict(_SPEAKERS, return_dtype=pl.String)
    return turns.list.eval(_turn("from", speaker, "value", pl.element().struct.field("content")))


def _write_llama_factory(release: Path, folders: Sequence[str]) -> None:
    entries = {
        name: {"file_name": file, **_LLAMA_FACTORY[folder]}
        for folder in ("messages", *folders)
        if folder in _LLAMA_FACTORY
        for name, file in _name_files(release, folder)
    }
    (release / "dataset_info.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _write_axolotl(release: Path, folders: Sequence[str]) -> None:
    for folder in ("messages", *folders):
        if folder not in _AXOLOTL:
            continue
        # Axolotl reads paths from where it is started: next to the release's files.
        parts = {
            split: [{"path": file, "ds_type": Path(file).suffix[1:].replace("jsonl", "json"), **_AXOLOTL[folder]}]
            for split, (_, file) in zip(SPLITS, _name_files(release, folder), strict=False)
        }
        config: dict[str, Any] = {"rl": "dpo"} if folder == "preference" else {}
        config |= {{"train": "datasets", "validation": "test_datasets"}[split]: part for split, part in parts.items()}
        path = release / f"axolotl-{folder}.yaml"
        # As JSON first: the same value written twice would become an anchor.
        plain = json.loads(json.dumps(config))
        path.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _name_files(release: Path, folder: str) -> Iterator[tuple[str, str]]:
    """The name of each split of a folder that has rows, and its file."""
    for split in SPLITS:
        file = f"{split}.jsonl" if folder == "messages" else f"{folder}/{split}.parquet"
        path = release / file
        if path.stat().st_size if folder == "messages" else _count(path):
            yield f"persona_assets_{folder}_{split}", file


def _count(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


_SHAPES = {
    "sharegpt": _shape_sharegpt,
    "alpaca": _shape_alpaca,
    "preference": _shape_preference,
    "preference_sharegpt": _shape_preference_sharegpt,
}
_FOLDERS = {"sharegpt": ("sharegpt",), "alpaca": ("alpaca",), "preference": ("preference", "preference_sharegpt")}
