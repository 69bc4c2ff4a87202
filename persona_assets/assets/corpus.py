"""web_text and source_instructions: what everything is made from."""

from collections.abc import Iterator

import dagster as dg

from persona_assets.assets.materialise import account_for_files, publish_batches, to_result
from persona_assets.assets.specs import table_asset
from persona_assets.corpus.documents import read_shard
from persona_assets.corpus.instructions import read_instructions
from persona_assets.corpus.shards import CorpusShard
from persona_assets.corpus.tombstones import load_tombstones
from persona_assets.records import SourceInstructions, WebText, polars_schema
from persona_assets.resources import Project
from persona_assets.tables import WHOLE, Batch, TableInfo

_CLEANING = (
    "corpus.min_chars",
    "corpus.max_chars",
    "corpus.max_passages",
    "corpus.min_sentences",
    "corpus.languages",
    "corpus.max_line_bytes",
    "corpus.license",
)


@table_asset(
    "corpus",
    "Documents of one shard of the corpus: cleaned, cut to passages, language detected, exact duplicates dropped."
    " A shard of personas (a file with a `persona` column) has no documents.",
    WebText,
)
def web_text(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult[TableInfo]:
    """Read the files of the shard."""
    shard = project.find_shard(context.partition_key)
    batches = _read_documents(project, shard) if shard.kind == "text" else iter(())
    info = publish_batches(
        project,
        "web_text",
        shard.key,
        polars_schema(WebText),
        batches,
        kind=shard.kind,
        files=list(shard.names),
        records=[shard.start, shard.stop],
        settings=project.settings.pick(*_CLEANING) if shard.kind == "text" else {},
    )
    return to_result(project, info)


@table_asset(
    "corpus", "Sessions of the instruction sets that role play starts from.", SourceInstructions, partitioned=False
)
def source_instructions(project: dg.ResourceParam[Project]) -> dg.MaterializeResult[TableInfo]:
    """Read every file of the instruction folder."""
    rows, dropped = read_instructions(project.settings.instructions)
    batch = account_for_files(rows, dropped)
    info = publish_batches(
        project,
        "source_instructions",
        WHOLE,
        polars_schema(SourceInstructions),
        [batch],
        files=[path.name for path in project.list_instruction_files()],
        settings=project.settings.pick("instructions.license"),
    )
    return to_result(project, info)


def _read_documents(project: Project, shard: CorpusShard) -> Iterator[Batch]:
    forgotten = load_tombstones(project.settings.data)
    for batch in read_shard(shard, project.settings.corpus, forgotten=forgotten):
        yield account_for_files(batch.rows, batch.dropped)
