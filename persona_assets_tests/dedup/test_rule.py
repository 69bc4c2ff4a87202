from math import cos, radians, sin

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.dedup.match import Thresholds
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets.embedding.proposer import Judge, ProposingEncoder, find_judge
from persona_assets_tests.dedup.doubles import (
    GivenEncoder,
    ListedHub,
    SameForAll,
    decide_slowly,
    find_matches,
    frame_personas,
    list_pairs,
)

WORDS = ["nurse", "baker", "Oslo", "old", "chess", "ก", "東", "京", "!"]
texts = st.lists(st.sampled_from(WORDS), min_size=0, max_size=6).map(" ".join)
vectors = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 2))
thresholds = st.builds(Thresholds, st.sampled_from([0.5, 0.6, 0.75, 1.0]), st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
sizes = st.lists(st.integers(0, 7), max_size=12)


@st.composite
def hubs(draw):
    """Personas of which most have an embedding, few differ and some are equal; the embeddings; the thresholds."""
    embeddings = draw(st.dictionaries(texts, vectors, min_size=1, max_size=25))
    personas = draw(st.lists(st.sampled_from(sorted(embeddings)) | texts, max_size=30))
    return personas, GivenEncoder(embeddings), draw(thresholds)


def decide(personas, encoder, limits, sizes=(), established=None):
    """The verdicts of batches of the given sizes, then of the rest in one."""
    deduplicator = Deduplicator(limits, established, find_judge(encoder))
    frames, start = [], 0
    for size in [*sizes, len(personas)]:
        frames.append(deduplicator.decide(prepare_personas(personas.slice(start, size), encoder, limits.jaccard)))
        start += size
    return pl.concat(frames)


def read_verdicts(frame):
    columns = zip(frame["kept_id"], frame["stage"], frame["score"], strict=True)
    return [None if kept_id is None else (kept_id, stage, score) for kept_id, stage, score in columns]


@settings(max_examples=200, deadline=None)
@given(hubs(), sizes)
def test_it_decides_as_the_rule_written_slowly_in_batches_of_any_size(hub, sizes):
    personas, encoder, limits = hub
    frame = frame_personas(personas)
    slow = decide_slowly(list_pairs(frame), encoder, limits)
    assert read_verdicts(decide(frame, encoder, limits, sizes)) == slow
    assert read_verdicts(decide(frame, encoder, limits)) == slow


@settings(max_examples=150, deadline=None)
@given(hubs(), st.integers(0, 15), sizes, st.sampled_from([1, 4, 1_000]))
def test_established_personas_come_first_and_the_nearest_of_all_is_named(hub, n_established, sizes, scan_from):
    personas, encoder, limits = hub
    ordered = frame_personas(personas)
    verdicts = decide_slowly(list_pairs(ordered.head(n_established)), encoder, limits)
    kept = [row for row, verdict in zip(list_pairs(ordered), verdicts, strict=False) if verdict is None]
    new = ordered.slice(n_established)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("persona_assets.dedup.against_established.SCAN_FROM", scan_from)
        found = decide(new, encoder, limits, sizes, ListedHub(kept, encoder, limits.jaccard))
    assert read_verdicts(found) == decide_slowly(list_pairs(new), encoder, limits, kept)


@settings(max_examples=100, deadline=None)
@given(hubs(), st.integers(0, 15), sizes)
def test_where_vectors_only_propose_the_model_decides(hub, n_established, sizes):
    personas, encoder, limits = hub
    proposing = ProposingEncoder(Judge(encoder, 0.1), SameForAll())
    ordered = frame_personas(personas)
    verdicts = decide_slowly(list_pairs(ordered.head(n_established)), encoder, limits)
    kept = [row for row, verdict in zip(list_pairs(ordered), verdicts, strict=False) if verdict is None]
    new = ordered.slice(n_established)
    found = decide(new, proposing, limits, sizes, ListedHub(kept, proposing, limits.jaccard) if kept else None)
    assert read_verdicts(found) == decide_slowly(list_pairs(new), encoder, limits, kept)


@settings(max_examples=100, deadline=None)
@given(hubs())
def test_no_two_kept_are_one_and_each_dropped_names_a_kept_one(hub):
    personas, encoder, limits = hub
    verdicts = decide(frame_personas(personas), encoder, limits)
    kept = verdicts.filter(pl.col("kept_id").is_null())
    by_id = dict(kept.select("persona_id", "persona").iter_rows())
    names = list(by_id)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            assert not find_matches(by_id[name], by_id[other], encoder, limits)
    for row in verdicts.filter(pl.col("kept_id").is_not_null()).iter_rows(named=True):
        assert by_id[row["kept_id"]] == row["kept_persona"]
        assert (row["stage"], row["score"]) in find_matches(row["persona"], row["kept_persona"], encoder, limits)


def test_a_chain_keeps_its_last_link():
    # A and B are 18 degrees apart, so are B and C: cosine 0.951. A and C: 0.809.
    encoder = GivenEncoder({"A": (1.0, 0.0, 0.0), "B": (0.951057, 0.309017, 0.0), "C": (0.809017, 0.587785, 0.0)})
    verdicts = decide(frame_personas(["A", "B", "C"]), encoder, Thresholds())
    assert read_verdicts(verdicts) == [None, ("p0", "embedding", 0.951057), None]


@pytest.mark.parametrize("sizes", [(), (1,)], ids=["one batch", "two batches"])
@pytest.mark.parametrize(("cosine", "kept"), [(0.9, False), (0.8999996, False), (0.8999994, True)])
def test_the_threshold_is_compared_after_rounding_to_six_decimals(cosine, kept, sizes):
    encoder = GivenEncoder({"A": (1.0, 0.0, 0.0), "B": (cosine, (1 - cosine**2) ** 0.5, 0.0)})
    verdicts = decide(frame_personas(["A", "B"]), encoder, Thresholds(), sizes)
    assert (verdicts["kept_id"][1] is None) == kept


@pytest.mark.parametrize(("shared", "kept"), [(9, False), (8, True)])
def test_a_jaccard_of_exactly_the_threshold_drops(shared, kept):
    words = [f"word{number}" for number in range(9)]
    other = [*words[:shared], "x"] if shared == 9 else [*words[:8], "x"]
    verdicts = decide(frame_personas([" ".join(words), " ".join(other)]), None, Thresholds())
    assert (verdicts["kept_id"][1] is None) == kept  # 9/10, and 8/10


def test_the_first_stage_wins_then_the_score_then_the_earliest():
    encoder = GivenEncoder({"a b c d": (1, 0, 0), "x": (0, 1, 0), "y": (0, 0, 1), "z": (0.05, 1, 1)}, dimension=3)
    # z is as near to x as to y (the earlier counts); "d c b a" has the tokens of p0 and the vector of none.
    verdicts = decide(frame_personas(["a b c d", "x", "y", "z", "d c b a", "A b, c d"]), encoder, Thresholds(0.9, 0.7))
    assert read_verdicts(verdicts)[3][:2] == ("p1", "embedding")
    assert read_verdicts(verdicts)[4:] == [("p0", "minhash", 1.0), ("p0", "exact", 1.0)]


@pytest.mark.parametrize("kept_before", ["in the batch", "in an earlier batch", "in the hub"])
@pytest.mark.parametrize("nearer", [0, 1])
def test_the_nearest_kept_one_is_named_be_it_the_earlier_or_the_later(kept_before, nearer):
    # Both at 0.9 or above, 36 degrees from each other; the new one is 16 from one and 20 from the other.
    angles = {"first": 0.0, "second": 36.0, "new": 20.0 if nearer else 16.0}
    encoder = GivenEncoder({name: (cos(radians(angle)), sin(radians(angle)), 0.0) for name, angle in angles.items()})
    frame = frame_personas(list(angles))
    if kept_before == "in the hub":
        verdicts = decide(frame.slice(2), encoder, Thresholds(), (), ListedHub(list_pairs(frame)[:2], encoder, 0.9))
    else:
        verdicts = decide(frame, encoder, Thresholds(), (2,) if kept_before == "in an earlier batch" else ())
    assert read_verdicts(verdicts)[-1] == (f"p{nearer}", "embedding", round(cos(radians(16)), 6))


def test_groups_larger_than_any_block_leave_exactly_what_the_rule_leaves():
    copies = ["A retired miner from Silesia"] * 1_000
    words = [f"word{number}" for number in range(40)]
    paraphrases = [" ".join([*words[: number % 40], f"other{number}", *words[number % 40 :]]) for number in range(500)]
    verdicts = decide(frame_personas(copies + paraphrases), None, Thresholds())
    kept = verdicts.filter(pl.col("kept_id").is_null())["persona_id"].to_list()
    assert kept == ["p0", "p1000"]
    assert verdicts.filter(pl.col("kept_id").is_not_null())["stage"].value_counts(sort=True)["count"].to_list() == [
        999,
        499,
    ]


def test_a_block_of_copies_that_only_the_embedding_sees_as_one():
    names = [f"paraphrase{number}" for number in range(1_500)]
    encoder = GivenEncoder(dict.fromkeys(names, (1.0, 2.0, 2.0)))
    verdicts = decide(frame_personas(names), encoder, Thresholds())
    assert read_verdicts(verdicts) == [None] + [("p0", "embedding", 1.0)] * 1_499


UNRELATED = {
    "Chinese": ["一位研究古代陶瓷的考古学家", "喜欢在周末骑自行车的护士", "经营小面馆的退休警察"],
    "Thai": ["ครูสอนประวัติศาสตร์ในเมืองเล็ก", "พยาบาลที่ชอบปั่นจักรยาน", "ชาวนาผู้ปลูกข้าวหอมมะลิ"],
    "Japanese": ["小さな町の歴史教師", "週末に自転車に乗る看護師", "引退した警察官のラーメン屋"],
    "Burmese": ["မြို့ငယ်လေးမှ သမိုင်းဆရာ", "စက်ဘီးစီးရတာကြိုက်တဲ့ သူနာပြု", "စပါးစိုက်တဲ့ လယ်သမား"],
}
NEAR = {
    "Chinese": ("一位研究古代陶瓷和青铜器的资深考古学家。", "一位研究古代陶瓷和青铜器的资深考古学家"),
    "Thai": (
        "ครูสอนประวัติศาสตร์ในเมืองเล็กทางภาคเหนือของประเทศไทยมานานกว่ายี่สิบปี",
        "ครูสอนประวัติศาสตร์ในเมืองเล็กทางภาคเหนือของประเทศไทยมานานกว่ายี่สิบปีค่ะ",
    ),
    "Japanese": ("小さな町で歴史を教えている引退間近の教師", "「小さな町で、歴史を教えている引退間近の教師」"),
    "Burmese": ("မြို့ငယ်လေးမှ သမိုင်းဆရာ တစ်ယောက်", "မြို့ငယ်လေးမှ သမိုင်းဆရာ တစ်ယောက်။"),
}


@pytest.mark.parametrize("language", UNRELATED)
def test_unrelated_personas_of_a_foreign_script_are_kept_and_near_duplicates_found(language, minilm):
    copy, near = NEAR[language]
    verdicts = decide(frame_personas([*UNRELATED[language], copy, near]), minilm, Thresholds())
    assert verdicts["kept_id"].to_list() == [None] * 4 + ["p3"]
    assert verdicts["stage"][4] in {"exact", "minhash"}
    assert not verdicts["readable"].any()


def test_the_real_model_drops_a_paraphrase_and_keeps_another_person(minilm):
    personas = [
        "A retired history teacher from a small town",
        "A history teacher from a small town, now retired",
        "A young truck driver from a large city",
    ]
    verdicts = decide(frame_personas(personas), minilm, Thresholds())
    assert verdicts["kept_id"].to_list() == [None, "p0", None]
    assert verdicts["stage"][1] == "embedding"
    assert verdicts["score"][1] >= 0.9
