"""The IO manager: inputs are lazy tables of the lake; outputs were published by the asset itself.

Assets stream their rows to the lake and hand over what was published. So a table is never held in memory,
and its data version, a hash of its content, is known when Dagster records the materialisation.
"""

import dagster as dg
import polars as pl

from persona_assets.errors import LakeError
from persona_assets.lake import Lake
from persona_assets.tables import WHOLE, TableInfo


class LakeIOManager(dg.IOManager):
    """Reads the tables of the lake by asset and partition."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def handle_output(self, context: dg.OutputContext, obj: TableInfo) -> None:
        """Check that what the asset says it published is there."""
        if not self._lake.exists(obj.asset, obj.shard):
            raise dg.Failure(f"{obj.path} is missing although {obj.asset} was published.", allow_retries=False)

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame:
        """Scan the upstream table; all its partitions, in order, where the asset reads several."""
        asset = context.asset_key.path[-1]
        shards = list(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
        try:
            return self._lake.scan_all(asset, shards)
        except LakeError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
