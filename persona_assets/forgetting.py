"""Taking a document or persona out of everything that was made of it.

What must go is found by lineage (`descendants`), noted in a tombstone by hashes alone, and then taken out of tables,
quarantine, ledger and stored vectors. A request that was interrupted is taken up where it stopped, since the tombstone
names the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from persona_assets.corpus.cleaning import clean_text
from persona_assets.corpus.entries import Record
from persona_assets.corpus.shard_entries import iterate_shard
from persona_assets.corpus.tombstones import Tombstone, hash_name, hash_text, put_tombstone, read_tombstones
from persona_assets.descendants import Descendants, find_descendants, list_tables, select_related
from persona_assets.errors import CorpusError, LakeError
from persona_assets.lake import Lake
from persona_assets.resources import Project
from persona_assets.tables import WHOLE

REASON = "forgotten"
HUB_TABLES = ("persona_hub", "hub_duplicates")
_MADE_ANEW = (*HUB_TABLES, "sft_mix")
_TEXTS = {"web_text": "text", "seed_personas": "persona", "expanded_personas": "persona"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request to forget comes to.

    Attributes:
        stone: the tombstone: ids of all rows that go.
        texts: texts of the documents and personas that go.
        undecided: shards with personas that were dropped for one that goes.
        keys: of the responses that the rows were read from.
        asked: asset and origin of talks whose partner goes, or whose question does.
        sources: `FILE:POSITION` of the documents that go, by which what was dropped of them is known.
    """

    stone: Tombstone
    found: Sequence[Descendants]
    texts: Sequence[str]
    undecided: Sequence[str]
    keys: Sequence[str]
    asked: Sequence[tuple[str, str]]
    sources: Sequence[str]

    @property
    def shards(self) -> list[str]:
        """The shards that any of it lies in."""
        return sorted({one.shard for one in self.found} | set(self.undecided))


def plan_to_forget(project: Project, document: str | None, persona: str | None) -> Plan:
    """Find all that comes from a document or persona.

    Args:
        document: a doc_id, the id that the corpus gave it, or its address; all its passages are meant.

    Returns:
        What goes, with what an interrupted request for the same left to do.

    Raises:
        LakeError: if nothing of that name is there, and it was never asked to be forgotten.
    """
    lake, name = project.lake, str(document or persona)
    asked = hash_name(name)
    earlier = next((stone for stone in read_tombstones(project.settings.data) if stone.asked == asked), None)
    start = _find_documents(lake, name) if document else _find_personas(lake, name)
    if start.is_empty() and earlier is None:
        kind = "document (doc_id, the corpus' own id, or address)" if document else "persona"
        raise LakeError(
            f"No {kind} {name} is in {lake.root}. `persona-assets trace ID` follows any row to its document."
        )
    ids = {*start["id"], *(earlier.ids if earlier else ())}
    found = find_descendants(lake, ids)
    every = sorted(ids | {one for rows in found for one in rows.ids})
    texts = _read_texts(lake, found)
    whole = {hash_text(text) for text in (_read_whole(project, start) if document else start["text"])}
    urls = {hash_name(url) for url in _list_urls(lake, start, name)}
    if earlier is not None:
        whole, urls = whole | {*earlier.texts}, urls | {*earlier.urls}
    stone = Tombstone(asked, tuple(every), tuple(sorted(whole)), tuple(sorted(urls)))
    keys, talks = _read_calls(lake, found)
    talks = sorted({*talks, *_list_refused_answers(lake, every)})
    sources = start["source"].unique(maintain_order=True).to_list() if document else []
    return Plan(stone, found, texts, _list_undecided(lake, every), keys, talks, sources)


def remember(project: Project, plan: Plan) -> None:
    """Note what goes before any of it goes."""
    put_tombstone(project.settings.data, plan.stone)


def conclude(project: Project, plan: Plan) -> None:
    """Note that all of it is gone; only the ids of documents and personas stay, by which they are kept out."""
    ids = tuple(one for one in plan.stone.ids if one.startswith(("doc_", "per_")))
    put_tombstone(project.settings.data, replace(plan.stone, ids=ids, is_done=True))


def forget_in_tables(lake: Lake, plan: Plan, tables: Sequence[str], versions: dict[str, str]) -> dict[str, int]:
    """Take the rows out of some tables of all shards, and what was refused on their account out of the quarantine.

    Args:
        tables: names of the assets, in the order in which they are made.
        versions: new data versions by the old ones; what is written anew is added.
    """
    gone: dict[str, int] = {}
    for table in tables:
        for shard in lake.shards(table):
            if shard not in {*plan.shards, WHOLE}:
                continue
            old = lake.info(table, shard)
            related = select_related(list(lake.scan(table, shard).collect_schema()), plan.stone.ids)
            new = lake.drop_rows(table, shard, related, _select_refused(plan), REASON, versions)
            versions[old.data_version] = new.data_version
            gone[table] = gone.get(table, 0) + old.rows - new.rows
    return gone


def list_bought(lake: Lake) -> tuple[list[str], list[str]]:
    """The tables that cost something to make, in order: those before the hub, and those after it."""
    tables = [name for name in list_tables(lake) if name not in {*_MADE_ANEW, "source_instructions"}]
    before = ("web_text", "seed_personas", "expanded_personas")
    return [name for name in tables if name in before], [name for name in tables if name not in before]


def _find_documents(lake: Lake, name: str) -> pl.DataFrame:
    is_meant = pl.any_horizontal(pl.col(column) == name for column in ("doc_id", "source_id", "url"))
    parts = [
        lake.scan("web_text", shard)
        .filter(pl.col("source").is_in(lake.scan("web_text", shard).filter(is_meant).collect()["source"].implode()))
        .select(id="doc_id", text="text", url="url", source="source", shard=pl.lit(shard))
        .collect()
        for shard in lake.shards("web_text")
    ]
    return pl.concat([_nothing(), *parts])


def _find_personas(lake: Lake, name: str) -> pl.DataFrame:
    parts = [
        lake.scan(table, shard)
        .select(id="persona_id", text="persona", url=pl.lit(None, pl.String), source=pl.lit(""), shard=pl.lit(shard))
        .filter(pl.col("id") == name)
        .collect()
        for table in ("seed_personas", "expanded_personas")
        for shard in lake.shards(table)
    ]
    return pl.concat([_nothing(), *parts])


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(("id", "text", "url", "source", "shard"), pl.String))


def _list_urls(lake: Lake, start: pl.DataFrame, name: str) -> set[str]:
    """The addresses of documents by which they are kept out: the one that was named, and those that nobody shares."""
    urls = set(start["url"].drop_nulls())
    for shard in lake.shards("web_text") if urls else ():
        own = start.filter(shard=shard)["source"]
        others = lake.scan("web_text", shard).filter(~pl.col("source").is_in(own.implode())).select("url").collect()
        # Published sets give the address of a whole site, which would keep all of its documents out.
        urls -= set(others["url"]) - {name}
    return urls


def _read_whole(project: Project, start: pl.DataFrame) -> Iterator[str]:
    """The whole texts of documents, from the corpus: cut otherwise, their passages would have other ids."""
    for (shard,), rows in start.group_by("shard", maintain_order=True):
        passages = dict(rows.group_by("source", maintain_order=True).agg("text").iter_rows())
        found: dict[str, tuple[bool, int, str]] = {}
        for place, text in _iterate_texts(project, str(shard)):
            for source, own in passages.items():
                if all(passage in text for passage in own):
                    # The corpus may have been edited: the document stands elsewhere then, and another in its place.
                    rank = (place != source, len(text), text)
                    found[source] = min(rank, found.get(source, rank))
        for source, own in passages.items():
            yield from (found[source][-1],) if source in found else own


def _iterate_texts(project: Project, shard: str) -> Iterator[tuple[str, str]]:
    columns, limit = ("text",), project.settings.corpus.max_line_bytes
    try:
        for place, entry in iterate_shard(project.find_shard(shard), columns, limit):
            if isinstance(entry, Record):
                yield place, clean_text(str(entry.fields.get("text") or ""))
    except CorpusError:
        # The file is gone or damaged: nothing more of it can be read, and nothing of it can be taken in either.
        return


def _read_texts(lake: Lake, found: Sequence[Descendants]) -> list[str]:
    texts: dict[str, None] = {}
    for rows in found:
        if rows.asset in _TEXTS:
            texts |= dict.fromkeys(_scan_own(lake, rows).select(_TEXTS[rows.asset]).collect().to_series())
    return list(texts)


def _scan_own(lake: Lake, rows: Descendants) -> pl.LazyFrame:
    return lake.scan(rows.asset, rows.shard).filter(pl.first().is_in(pl.Series(rows.ids).implode()))


def _read_calls(lake: Lake, found: Sequence[Descendants]) -> tuple[list[str], list[tuple[str, str]]]:
    keys: set[str] = set()
    talks: set[tuple[str, str]] = set()
    for rows in found:
        own = _scan_own(lake, rows)
        columns = own.collect_schema().names()
        if "response_keys" in columns:
            keys |= set(own.select(pl.col("response_keys").explode()).collect().to_series().drop_nulls())
        for other, origin in (("partner_id", "persona_id"), ("instruction_id", "character_id")):
            if other in columns and origin in columns and rows.asset != "sft_mix":
                talks |= {(rows.asset, one) for one in own.select(origin).collect().to_series()}
    return sorted(keys), sorted(talks)


def _list_refused_answers(lake: Lake, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Asset and origin of dialogues that were refused, and whose question goes; the character may stay."""
    named = pl.col("row_id").str.split("+").list
    is_asked = named.last().is_in(pl.Series(ids, dtype=pl.String).implode())
    parts = [
        lake.scan_quarantine("dialogues_g", shard).filter(is_asked).select(named.first()).collect().to_series()
        for shard in lake.shards("dialogues_g")
    ]
    return [("dialogues_g", character) for part in parts for character in part]


def _list_undecided(lake: Lake, ids: Sequence[str]) -> list[str]:
    gone = pl.Series(ids, dtype=pl.String).implode()
    dropped_for = pl.col("kept_id").is_in(gone) & ~pl.col("persona_id").is_in(gone)
    return [
        shard
        for shard in lake.shards("hub_duplicates")
        if lake.scan("hub_duplicates", shard).filter(dropped_for).head(1).collect().height
    ]


def _select_refused(plan: Plan) -> pl.Expr:
    """The quarantined rows that are about what goes, or quote it."""
    gone = pl.Series(plan.stone.ids, dtype=pl.String).implode()
    # A dialogue is named by its character and its instruction, what was dropped of a document by its place.
    named = pl.col("row_id").str.split("+").list
    about = named.first().is_in(gone) | named.last().is_in(gone)
    about |= pl.col("row_id").is_in(pl.Series(plan.sources, dtype=pl.String).implode())
    quotes = [text[:_HEAD] for text in plan.texts]
    if not quotes:
        return about
    return about | pl.any_horizontal(pl.col("raw", "detail").fill_null("").str.contains_any(quotes))


_HEAD = 80
"""Characters of a text by which a quotation of it is known: what a quarantine keeps of a long one is cut."""
