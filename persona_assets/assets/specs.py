"""What every asset carries in the catalogue: group, kinds, owners, tags, columns and a code version."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import dagster as dg
import dataframely as dy

from persona_assets.assets.pools import PoolOf
from persona_assets.partitions import corpus_shard
from persona_assets.prompts import Prompt

OWNERS = ["team:persona-assets"]
MODEL_KIND = "llm"
"""Kind of the assets that ask a model: those that a table `[tasks.NAME]` may be of."""

CODE_VERSION = "1"
"""Version of the assets that have no prompt file: raise it when their rows would change."""

RULE = ("hub.jaccard", "hub.cosine", "embedding.model", "embedding.scripts")
"""The settings that say when two personas are one; the others of [hub] say in which order and how it is searched."""


def asset_options(
    group: str,
    description: str,
    schema: type[dy.Schema],
    code_version: str = CODE_VERSION,
    kinds: tuple[str, ...] = (),
    partitioned: bool = True,
) -> dict[str, Any]:
    """The keyword arguments that `dg.asset` gets for a table of the lake.

    Args:
        group: corpus, personas, characters, recipes or sft.
        code_version: hash of the prompt file, for an asset that has one.
        partitioned: by corpus_shard, or not at all.
    """
    return {
        "group_name": group,
        "description": description,
        "code_version": code_version,
        "kinds": {"parquet", *kinds},
        "owners": OWNERS,
        "tags": {"persona_assets/stage": group},
        "metadata": {"dagster/column_schema": describe_columns(schema)},
        "partitions_def": corpus_shard if partitioned else None,
        "io_manager_key": "lake",
    }


def table_asset(
    group: str,
    description: str,
    schema: type[dy.Schema],
    code_version: str = CODE_VERSION,
    kinds: tuple[str, ...] = (),
    partitioned: bool = True,
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` for a table of the lake, by `asset_options`, and with `more`: name, dependencies, pool."""
    options = asset_options(group, description, schema, code_version, kinds, partitioned)
    return cast("Callable[[Callable[..., Any]], dg.AssetsDefinition]", dg.asset(**options, **more))


def model_asset(
    name: str, group: str, prompt: Prompt[Any], schema: type[dy.Schema], pool: PoolOf, deps: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`table_asset` for rows that a model answers: described and versioned by its prompt file."""
    content, version = prompt.content, prompt.version
    kinds = (MODEL_KIND,)
    return table_asset(group, content.description, schema, version, kinds, name=name, pool=pool(name), deps=[*deps])


def describe_columns(schema: type[dy.Schema]) -> dg.TableSchema:
    """The column schema of a table, for the UI."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                str(column.dtype),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=column.primary_key),
            )
            for name, column in schema.columns().items()
        ]
    )
