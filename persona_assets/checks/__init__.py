"""Asset checks: plain functions over the lake, and the partitioned Dagster checks made of them."""
