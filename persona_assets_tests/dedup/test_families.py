import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.dedup.families import assign_families

pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20)


def families(links, ids):
    frame = pl.DataFrame(links, schema={"a": pl.String, "b": pl.String}, orient="row")
    return dict(assign_families(frame, pl.Series(ids, dtype=pl.String)).iter_rows())


def test_parents_and_duplicates_join_and_a_null_does_not():
    found = families([("p1", "p2"), ("p2", "p9"), (None, "p3"), ("p5", "p4")], ["p3", "p7", "p9"])
    assert found == {"p1": "p1", "p2": "p1", "p9": "p1", "p3": "p3", "p4": "p4", "p5": "p4", "p7": "p7"}


def test_nothing_gives_nothing():
    assert families([], []) == {}


@given(pairs, st.randoms())
def test_linked_ids_share_a_family_and_the_order_of_links_changes_nothing(numbers, draw):
    links = [(f"p{a:02}", f"p{b:02}") for a, b in numbers]
    found = families(links, [])
    shuffled = [tuple(draw.sample(link, 2)) for link in draw.sample(links, len(links))]
    assert all(found[a] == found[b] for a, b in links)
    assert families(shuffled, []) == found
    assert all(family == min(one for one, other in found.items() if other == family) for family in found.values())


@given(pairs)
def test_no_family_joins_what_no_chain_of_links_joins(numbers):
    links = [(f"p{a:02}", f"p{b:02}") for a, b in numbers]
    for name, family in families(links, []).items():
        reached, before = {name}, set()
        while reached != before:
            before = set(reached)
            reached |= {one for link in links if reached & set(link) for one in link}
        assert family == min(reached)
