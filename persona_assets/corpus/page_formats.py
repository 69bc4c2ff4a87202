"""Readers of formats that hold one text each: text and Markdown files, and pages of web archives."""

import io
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from persona_assets.corpus.entries import BadRecord, Record
from persona_assets.corpus.line_formats import describe_damage, is_damage, show_bytes
from persona_assets.corpus.streams import STREAM_ERRORS, open_stream

HTML_TYPES = ("text/html", "application/xhtml+xml")
HTTP_OK = 200


def read_text(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield a text or Markdown file as one record of the field `text`.

    Bytes that are not UTF-8 are decoded by a detector of encodings. A `BadRecord` has the reason `file_too_large`,
    `bad_encoding` or `file_corrupt`.
    """
    if start > 0 or stop == 0:
        return
    try:
        size = path.stat().st_size
        if size > max_bytes:
            yield BadRecord(1, "file_too_large", f"{size} bytes; corpus.max_line_bytes = {max_bytes}")
            return
        data = path.read_bytes()
    except OSError as error:
        yield describe_damage(1, error)
        return
    text = decode_bytes(data)
    if text is None:
        yield BadRecord(1, "bad_encoding", "not UTF-8 and no other encoding fits", show_bytes(data))
    else:
        yield Record(1, {"text": text})


def decode_bytes(data: bytes) -> str | None:
    """Decode bytes as UTF-8, or by the encoding that fits best; None if they are no text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        return None if best is None else str(best)


def read_archive(path: Path, start: int, stop: int | None, max_bytes: int) -> Iterator[Record | BadRecord]:
    """Yield the pages of a WARC file (main text of HTML responses) or a WET file (extracted text).

    Records of responses and conversions count. A `Record` has id, url, text, license; a `BadRecord` the reason
    `line_too_long`, `http_status`, `not_html`, `no_main_text`, `bad_http` or `file_corrupt`.
    """
    position = 0
    try:
        with open_stream(path) as stream:
            for position, page in enumerate(islice(_iterate_pages(stream), stop), start=1):
                if position <= start:
                    continue
                entry = _read_page(position, page, max_bytes)
                yield entry
                if is_damage(entry):
                    return
    except STREAM_ERRORS as error:
        yield describe_damage(position + 1, error)


def _iterate_pages(stream: Any) -> Iterator[Any]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.conversion
    yield from ArchiveIterator(stream, record_types=kinds, parse_http=False)


def _read_page(position: int, page: Any, max_bytes: int) -> Record | BadRecord:
    url = str(page.headers.get("WARC-Target-URI") or "").strip("<>") or None
    stated = page.content_length
    if stated > max_bytes:
        return BadRecord(position, "line_too_long", f"{url}: {stated} bytes; corpus.max_line_bytes = {max_bytes}")
    try:
        page.freeze()
    except STREAM_ERRORS as error:
        return describe_damage(position, error)
    if page.content_length < stated:
        return describe_damage(position, EOFError(f"{url} has {page.content_length} of {stated} bytes"))
    try:
        page = _copy_page(page)
        page.parse_http(auto_decode="all")
        content = page.reader.read()
    except OSError as error:
        return BadRecord(position, "bad_http", f"{url}: {error}")
    fields = {"id": page.record_id, "url": url}
    if page.http_headers is None:
        return Record(position, fields | {"text": content.decode("utf-8", "replace")})
    return _extract_page(position, fields, page, content)


def _copy_page(page: Any) -> Any:
    """Return a record on its own: content that cannot be decoded would end the iteration of its archive."""
    from fastwarc.warc import WarcRecord

    record = io.BytesIO()
    page.write(record)
    return WarcRecord.from_bytes(record.getvalue())


def _extract_page(position: int, fields: dict[str, Any], page: Any, content: bytes) -> Record | BadRecord:
    status, kind, url = page.http_headers.status_code, page.http_content_type, fields["url"]
    if status != HTTP_OK:
        return BadRecord(position, "http_status", f"{url}: the server answered {status}")
    if kind == "text/plain":
        return Record(position, fields | {"text": decode_bytes(content) or ""})
    if kind is not None and kind not in HTML_TYPES:
        return BadRecord(position, "not_html", f"{url}: {kind}")
    from trafilatura import bare_extraction

    main = bare_extraction(content, url=url, with_metadata=True, include_comments=False)
    if main is None or not getattr(main, "text", None):
        return BadRecord(position, "no_main_text", f"{url}: no main text in {len(content)} bytes", show_bytes(content))
    return Record(position, fields | {"text": main.text, "license": main.license})


def count_archive(path: Path) -> int:
    """Count the pages of a WARC or WET file without parsing them; those before any damage."""
    count = 0
    with suppress(*STREAM_ERRORS), open_stream(path) as stream:
        for _ in _iterate_pages(stream):
            count += 1
    return count
