import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.dedup.key_index import KeyIndex

keys = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=9)


def make_keys(rows):
    return np.array(rows, dtype=np.uint32).reshape(-1, 2)


@given(st.lists(keys, max_size=6), keys)
def test_it_finds_all_who_have_a_key_in_common(batches, asked):
    index, added = KeyIndex(), []
    for batch in batches:
        index.add(make_keys(batch), np.arange(len(added), len(added) + len(batch)))
        added += batch
    rows, positions = index.find(make_keys(asked))
    expected = [(r, p) for r, one in enumerate(asked) for p, other in enumerate(added) if set(one) & set(other)]
    assert list(zip(rows.tolist(), positions.tolist(), strict=True)) == expected
