"""Families: personas joined by parent links or duplicate links, which never fall on both sides of a split."""

import polars as pl


def assign_families(links: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Find the connected components of personas.

    Args:
        links: columns a and b, the ids of two personas each; rows with a null are no link.
        ids: personas to name a family for; one without a link is a family of its own.

    Returns:
        Columns persona_id and family_id, a row for each different id of `ids` and `links`, by persona_id. The family
        is named after its smallest id, so that it is the same in whatever order the links come.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = links.select(pl.col("a").cast(pl.String), pl.col("b").cast(pl.String)).drop_nulls()
    everyone = [pairs["a"], pairs["b"], ids.cast(pl.String).drop_nulls().rename("a")]
    members = pl.concat([one.alias("persona_id") for one in everyone]).unique().sort().to_frame()
    numbered = members.with_row_index("row")
    rows = pairs.join(numbered, left_on="a", right_on="persona_id", maintain_order="left")["row"].to_numpy()
    columns = pairs.join(numbered, left_on="b", right_on="persona_id", maintain_order="left")["row"].to_numpy()
    graph = coo_array(([1] * len(rows), (rows, columns)), shape=(len(members), len(members)))
    _, components = connected_components(graph, directed=False)
    return members.with_columns(family=pl.Series(components)).select(
        "persona_id", family_id=pl.col("persona_id").min().over("family")
    )
