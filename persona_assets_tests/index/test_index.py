import numpy as np
import pytest

from persona_assets.errors import IndexUnavailableError
from persona_assets.index.interface import IndexSpec, name_contribution
from persona_assets_tests.index.conftest import SPEC, make_point

# The local mode says of each option that it has no use for it.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Local mode performs exact")

S1, S2 = "s1/g1", "s2/g1"


def ask_bands(index, *bands, contributions=(S1, S2)):
    answers = index.find_sharing(np.array(bands, dtype=np.uint32), contributions)
    return [sorted(hit.persona_id for hit in hits) for hits in answers]


def ask_vector(index, *vector, threshold=0.9, contributions=(S1, S2)):
    (hits,) = index.find_nearest(np.array([vector], dtype=np.float32), threshold, contributions)
    return [hit.persona_id for hit in hits]


def test_it_finds_all_who_share_a_band(reopen):
    index = reopen()
    index.upsert(
        [make_point(1, bands=[1, 2]), make_point(2, bands=[2, 2**32 - 1], vector=None), make_point(3, bands=[4])]
    )
    assert ask_bands(index, [2, 9], [2**32 - 1, 4], [7, 8]) == [["p1", "p2"], ["p2", "p3"], []]


def test_a_group_larger_than_any_limit_comes_back_whole(reopen):
    index = reopen()
    index.upsert([make_point(number, bands=[5, 100 + number]) for number in range(1_200)])
    assert ask_bands(index, [5, 6])[0] == sorted(f"p{number}" for number in range(1_200))


def test_the_nearest_come_with_their_ties_and_exact_vectors(reopen):
    index = reopen()
    near = [make_point(number, vector=(3.0, 1.0, 0.0, 0.0)) for number in range(40)]
    index.upsert([*near, make_point(40, vector=(2.9, 1.0, 0.0, 0.0)), make_point(41, vector=(0.0, 0.0, 1.0, 0.0))])
    (hits,) = index.find_nearest(np.array([near[0].vector], dtype=np.float32), 0.9, [S1])
    assert sorted(hit.rank[1] for hit in hits) == list(range(40))
    assert {tuple(hit.vector) for hit in hits} == {tuple(near[0].vector)}


def test_only_the_contributions_asked_for_are_searched(reopen):
    index = reopen()
    index.upsert([make_point(1), make_point(2, shard="s2"), make_point(3, generation="g2")])
    assert ask_bands(index, [1]) == [["p1", "p2"]]
    assert ask_vector(index, 1, 0, 0, 0, contributions=[S2]) == ["p2"]
    assert ask_vector(index, 1, 0, 0, 0, contributions=[]) == []


def test_text_without_an_embedding_is_found_by_bands_alone(reopen):
    index = reopen()
    index.upsert([make_point(1, vector=None)])
    assert ask_bands(index, [1]) == [["p1"]]
    assert ask_vector(index, 1, 0, 0, 0, threshold=-1.0) == []


def test_upserting_again_changes_nothing_and_a_new_generation_overwrites_nothing(reopen):
    index = reopen()
    for _ in range(2):
        index.upsert([make_point(1), make_point(1, generation="g2")])
    assert (index.count("s1/g1"), index.count("s1/g2"), index.count("s3/g1")) == (1, 1, 0)


def test_deleting_and_keeping_take_whole_contributions(reopen):
    index = reopen()
    index.upsert([make_point(n, shard=f"s{n % 3}", generation="g1") for n in range(9)])
    index.delete("s0/g1")
    assert [index.count(f"s{n}/g1") for n in range(3)] == [0, 3, 3]
    index.keep_only(["s2/g1", "s9/g9"])
    assert [index.count(f"s{n}/g1") for n in range(3)] == [0, 0, 3]
    index.keep_only([])
    assert index.count("s2/g1") == 0


def test_what_was_flushed_is_there_when_it_is_opened_again(reopen):
    index = reopen()
    index.upsert([make_point(1), make_point(2, shard="s2", order=7)])
    index.flush()
    index = reopen()
    (hits,) = index.find_sharing(np.array([[1]], dtype=np.uint32), [S2])
    assert [(hit.persona_id, hit.persona, hit.rank) for hit in hits] == [("p2", "persona 2", (7, 2))]


def test_above_the_set_number_of_rows_the_search_still_answers(reopen):
    index = reopen(exact_rows=0)
    index.upsert([make_point(1)])
    assert ask_vector(index, 1, 0, 0, 0) == ["p1"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (IndexSpec("another@2", 4, SPEC.lexical), ["given@1", "another@2", "embedding.model"]),
        (IndexSpec("given@1", 8, SPEC.lexical), ["(4 dimensions)", "(8)", "embedding.model"]),
        (IndexSpec("given@1", 4, "tokens-1 bands-32x4"), ["bands-16x8", "bands-32x4", "hub.jaccard"]),
    ],
)
def test_a_collection_of_something_else_is_refused(reopen, other, named):
    reopen().close()
    with pytest.raises(IndexUnavailableError) as refusal:
        reopen(spec=other)
    assert all(part in str(refusal.value) for part in [*named, "hub rebuild"])


def test_reading_everything_gives_each_point_of_the_contributions_once(reopen):
    index = reopen()
    points = [make_point(n, f"s{n % 3}", bands=(n, 70 + n), vector=(1, n, 0, 0) if n % 2 else None) for n in range(30)]
    index.upsert(points)
    names = [name_contribution("s0", "g1"), name_contribution("s1", "g1")]
    read = {}
    for part in index.scan(names):
        for row in range(len(part)):
            assert part.persona_ids[row] not in read
            read[part.persona_ids[row]] = (part, row)
    assert read.keys() == {point.persona_id for point in points if point.contribution in names}
    for point in points:
        if point.contribution in names:
            part, row = read[point.persona_id]
            assert (part.personas[row], part.ranks[row]) == (point.persona, (point.order, point.position))
            assert sorted(part.bands[row].tolist()) == list(point.bands)
            assert part.readable[row] == (point.vector is not None)
            assert part.vectors[row].tolist() == (point.vector or [0.0] * 4)
