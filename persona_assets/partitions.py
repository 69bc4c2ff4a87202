"""The partition dimensions: shards of the corpus, and mixes of the release."""

from collections.abc import Iterable

import dagster as dg

corpus_shard = dg.DynamicPartitionsDefinition(name="corpus_shard")
"""One key for each shard of the corpus, in order of registration."""


def sft_mixes(names: Iterable[str]) -> dg.StaticPartitionsDefinition:
    """One key for each mix file."""
    return dg.StaticPartitionsDefinition(sorted(names))
