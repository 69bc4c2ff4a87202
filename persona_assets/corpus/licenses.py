"""Licence names as sources write them, made one readable form: `CC-BY-SA-3.0`, `CC0-1.0`, `MIT`."""

import re
from collections.abc import Mapping
from typing import Any

from persona_assets.corpus.cleaning import clean_line
from persona_assets.corpus.entries import iterate_texts

LICENSE_FIELDS = ("license", "licence", "license_abbr", "license_name")

# Dolma's taggers name an attribute by the licence found on the page.
_TAGGER_PREFIX = "cc_re__"

_NOT_WORDS = re.compile(r"[^a-z0-9]+")
_CREATIVE_COMMONS = re.compile(
    r"(?:^|_)(?:cc|licenses|creativecommons)_(by(?:_(?:nc|nd|sa))*)_(\d)_(\d)(?:_([a-z]{2,3})(?=_|$))?(?:_|$)"
)
_NO_VERSION = re.compile(r"^cc_(by(?:_(?:nc|nd|sa))*)$")
_ZERO = re.compile(r"(?:^|_)(?:cc0|cc_zero|(?:cc_)?publicdomain_zero)(?:_|$)")
_MARK = re.compile(r"(?:^|_)publicdomain_mark(?:_|$)")
# The jurisdictions that have ported licences; another ending is the language of the page, or the file's name.
_PORTS = """
    ar at au be bg br ca ch cl cn co cr cz de dk ec ee eg es fi fr gr gt hk hr hu ie igo il in it jp kr lu mk mt mx
    my nl no nz pe ph pl pr pt ro rs se sg si th tw ug uk us ve vn za
"""
_JURISDICTIONS = frozenset(_PORTS.split())


def find_license(fields: Mapping[str, Any]) -> str | None:
    """Return the licence that a raw record names at the top, in `metadata` or in Dolma's `attributes`, or None."""
    for name in iterate_texts(fields, LICENSE_FIELDS):
        if found := tidy_license(name):
            return found
    attributes = fields.get("attributes")
    names = attributes if isinstance(attributes, Mapping) else {}
    # A Parquet file names every attribute in every row, and leaves those that the page does not have empty.
    tagged = {tidy_license(name) for name, spans in names.items() if name.startswith(_TAGGER_PREFIX) and spans}
    return " AND ".join(sorted(tagged)) or None


def tidy_license(name: str) -> str:
    """Return a licence's readable name.

    That is `CC-` and the elements, version and jurisdiction of a Creative Commons licence, given by its name
    (`cc-by-4.0`), its address (`https://creativecommons.org/licenses/by/4.0/`) or a tag (`cc_re__cc_re__cc_by_4_0`);
    any other name as it is, on one line and without what cannot be stored.
    """
    words = _NOT_WORDS.sub("_", name.lower()).strip("_")
    if match := _CREATIVE_COMMONS.search(words):
        elements, major, minor, place = match.groups()
        # Since version 4.0 there are none of a jurisdiction.
        port = f"-{place.upper()}" if place in _JURISDICTIONS and major < "4" else ""
        return f"CC-{elements.upper().replace('_', '-')}-{major}.{minor}{port}"
    if match := _NO_VERSION.match(words):
        return f"CC-{match.group(1).upper().replace('_', '-')}"
    if _ZERO.search(words):
        return "CC0-1.0"
    if _MARK.search(words):
        return "PDM-1.0"
    return clean_line(name)
