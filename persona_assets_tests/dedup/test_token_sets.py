import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.dedup.text import jaccard
from persona_assets.dedup.token_sets import TokenSets

sets = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), min_size=1, max_size=12)


@given(st.lists(sets, min_size=1, max_size=4), sets)
def test_the_bound_is_the_similarity_where_no_hashes_collide(batches, asked):
    kept, left = TokenSets(), TokenSets.of(asked)
    for batch in batches:
        kept.add(TokenSets.of(batch), np.arange(len(batch)))
    others = [tokens for batch in batches for tokens in batch]
    pairs = [(row, place) for row in range(len(asked)) for place in range(len(others))]
    rows, places = np.array(pairs).T
    expected = [jaccard(asked[row], others[place]) for row, place in pairs]
    assert left.bound_jaccard(rows, kept, places).tolist() == expected


def test_no_pairs_have_no_bounds():
    nothing = np.empty(0, dtype=np.int64)
    assert TokenSets().bound_jaccard(nothing, TokenSets(), nothing).tolist() == []
