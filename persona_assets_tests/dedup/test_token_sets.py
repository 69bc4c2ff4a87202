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


@given(sets, sets, st.floats(0.1, 1))
def test_what_is_ruled_out_is_below_the_similarity_that_matters(asked, others, least):
    kept, left = TokenSets.of(others), TokenSets.of(asked)
    pairs = [(row, place) for row in range(len(asked)) for place in range(len(others))]
    rows, places = np.array(pairs).T
    bounds = left.bound_jaccard(rows, kept, places, least)
    for (row, place), bound in zip(pairs, bounds.tolist(), strict=True):
        similarity = jaccard(asked[row], others[place])
        assert bound >= similarity
        assert bound == similarity or similarity < least


def test_no_pairs_have_no_bounds():
    nothing = np.empty(0, dtype=np.int64)
    assert TokenSets().bound_jaccard(nothing, TokenSets(), nothing).tolist() == []
