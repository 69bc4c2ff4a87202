"""Web text: the records of a shard cleaned, checked, cut into passages and told apart by language."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from persona_assets.corpus.cleaning import clean_text, hash_words, is_prose, measure_sentences
from persona_assets.corpus.entries import BadRecord, Dropped, Record, build_dropped_frame, cut_head, iterate_texts
from persona_assets.corpus.language import detect_language
from persona_assets.corpus.licenses import find_license
from persona_assets.corpus.passages import cut_passages
from persona_assets.corpus.shard_entries import iterate_shard
from persona_assets.corpus.shards import CorpusShard
from persona_assets.corpus.tombstones import FORGOTTEN, Tombstones
from persona_assets.settings import CorpusSettings

TEXT_COLUMNS = ("text",)
ID_FIELDS = ("id", "doc_id")
URL_FIELDS = ("url", "warc_url", "source_url")

DOCUMENT_SCHEMA = pl.Schema(
    {
        "doc_id": pl.String,
        "text": pl.String,
        "url": pl.String,
        "source": pl.String,
        "source_id": pl.String,
        "language": pl.String,
        "license": pl.String,
        "n_chars": pl.Int64,
        "passage": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Some rows of `web_text`, and what was dropped on the way to them.

    Nothing disappears: `n_items == rows.height + dropped["n"].sum()`.

    Args:
        rows: the passages, of `DOCUMENT_SCHEMA`; `passage` counts from 0 within a document.
        dropped: of `DROPPED_SCHEMA`; a row stands for `n` documents or passages.
        n_records: documents read, good or bad.
        n_items: documents dropped whole, and passages of all others.
    """

    rows: pl.DataFrame
    dropped: pl.DataFrame
    n_records: int
    n_items: int


def read_shard(
    shard: CorpusShard, settings: CorpusSettings, batch_rows: int = 512, forgotten: Tombstones | None = None
) -> Iterator[DocumentBatch]:
    """Read the documents of a shard as rows of `web_text`, a batch in memory at a time.

    At least one batch is yielded, which may be empty; each has about `batch_rows` rows, or dropped rows.

    Raises:
        CorpusError: if a file has no column `text`, or nothing of the shard could be read.
    """
    collector = _Collector(settings, forgotten or Tombstones())
    yielded = False
    for source, entry in iterate_shard(shard, TEXT_COLUMNS, settings.max_line_bytes):
        collector.add(source, entry)
        if max(len(collector.rows), len(collector.dropped)) >= batch_rows:
            yield collector.take_batch()
            yielded = True
    if collector.n_records or not yielded:
        yield collector.take_batch()


@dataclass(slots=True)
class _Collector:
    """The rows of one batch, and what the whole shard has seen."""

    settings: CorpusSettings
    forgotten: Tombstones
    seen: set[bytes] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    n_records: int = 0

    def add(self, source: str, entry: Record | BadRecord) -> None:
        self.n_records += 1
        if isinstance(entry, BadRecord):
            self.drop(source, entry.reason, entry.detail, entry.head)
            return
        raw = entry.fields.get("text")
        if raw is None or isinstance(raw, str):
            self.add_document(source, clean_text(raw or ""), entry.fields)
        else:
            self.drop(source, "not_text", f"the column text holds a {type(raw).__name__}", str(raw))

    def add_document(self, source: str, text: str, fields: Mapping[str, Any]) -> None:
        if not text:
            self.drop(source, "empty", "no text", "")
        elif self.forgotten.cover(text, find_url(fields)):
            self.drop(source, *FORGOTTEN, "")
        elif len(text) < self.settings.min_chars:
            self.drop(source, "too_short", f"{len(text)} of corpus.min_chars = {self.settings.min_chars}", text)
        elif self.is_repeated(text):
            self.drop(source, "exact_duplicate", "equal to an earlier text of the shard", text)
        else:
            self.add_passages(source, text, fields)

    def add_passages(self, source: str, text: str, fields: Mapping[str, Any]) -> None:
        limit, languages = self.settings.max_passages, self.settings.languages
        passages = list(cut_passages(text, self.settings.max_chars))
        license_name = find_license(fields) or self.settings.license
        origin = (find_url(fields), source, find_source_id(fields))
        kept = 0
        for number, passage in enumerate(passages):
            if kept == limit:
                left = len(passages) - number
                self.drop(source, "passage_limit", f"passages after corpus.max_passages = {limit}", passage, n=left)
                return
            # A page of thousands of menu entries need not be read for its language.
            fault = self.find_fault(passage, is_part=len(passages) > 1)
            language = detect_language(passage) if fault is None else ""
            if fault is None and languages and language not in languages:
                fault = "other_language", f"{language} is not in corpus.languages"
            if fault:
                self.drop(source, fault[0], f"passage {number}: {fault[1]}", passage)
                continue
            doc_id = make_doc_id(passage, number)
            if doc_id in self.forgotten.ids:
                self.drop(source, *FORGOTTEN, "")
                continue
            kept += 1
            self.rows.append((doc_id, passage, *origin, language, license_name, len(passage), number))

    def find_fault(self, passage: str, is_part: bool) -> tuple[str, str] | None:
        min_chars, min_sentences = self.settings.min_chars, self.settings.min_sentences
        if is_part and len(passage) < min_chars:
            return "too_short", f"{len(passage)} of corpus.min_chars = {min_chars}"
        if not is_prose(passage):
            return "not_prose", "less than half of its signs are letters"
        if (share := measure_sentences(passage)) < min_sentences:
            return "few_sentences", f"{share:.0%} of it in sentences, corpus.min_sentences = {min_sentences}"
        # A document that is one passage has been looked up already.
        if is_part and self.is_repeated(passage):
            return "exact_duplicate", "equal to an earlier text of the shard"
        return None

    def is_repeated(self, text: str) -> bool:
        words = hash_words(text)
        known = words in self.seen
        self.seen.add(words)
        return known

    def drop(self, source: str, reason: str, detail: str, text: str, n: int = 1) -> None:
        self.dropped.append(Dropped(source, reason, detail, cut_head(text), n))

    def take_batch(self) -> DocumentBatch:
        batch = DocumentBatch(
            rows=pl.DataFrame(self.rows, schema=DOCUMENT_SCHEMA, orient="row"),
            dropped=build_dropped_frame(self.dropped),
            n_records=self.n_records,
            n_items=len(self.rows) + sum(row.n for row in self.dropped),
        )
        self.rows, self.dropped, self.n_records = [], [], 0
        return batch


def make_doc_id(text: str, passage: int) -> str:
    """Return the id of a passage: a hash of its text and its number, equal on every machine."""
    return "doc_" + hashlib.blake2b(f"{passage}\n{text}".encode(), digest_size=10).hexdigest()


def find_url(fields: Mapping[str, Any]) -> str | None:
    """Return the address of a record: its own, that of its `metadata`, or a `source` that is one."""
    for value in iterate_texts(fields, URL_FIELDS):
        if value.strip():
            return clean_text(value)
    source = fields.get("source")
    return clean_text(source) if isinstance(source, str) and source.startswith(("http://", "https://")) else None


def find_source_id(fields: Mapping[str, Any]) -> str | None:
    """Return the id that the source gave a record, or None."""
    for name in ID_FIELDS:
        value = fields.get(name)
        if isinstance(value, str | int) and str(value).strip():
            return clean_text(str(value))
    return None
