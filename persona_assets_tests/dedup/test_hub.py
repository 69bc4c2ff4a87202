import random
import signal
import subprocess
import sys

import polars as pl
import pytest

from persona_assets.dedup.established import make_spec
from persona_assets.dedup.hub import decide_shard
from persona_assets.dedup.match import Thresholds
from persona_assets.embedding.cache import CachedEncoder
from persona_assets.errors import IndexUnavailableError, LakeError
from persona_assets.index.edge import EdgeIndex
from persona_assets.index.open import open_index
from persona_assets.index.qdrant import PersonaIndex
from persona_assets.settings import load_settings
from persona_assets_tests.dedup.doubles import decide_slowly, find_matches, frame_personas, list_pairs
from persona_assets_tests.dedup.hub_lake import FolderHub, LettersEncoder, materialise

WORDS = ["nurse", "baker", "Oslo", "retired", "chess", "violin", "harbour", "young", "judge", "quiz"]


def draw_personas(seed, n=40, prefix=None):
    draw = random.Random(seed)
    texts = [" ".join(draw.sample(WORDS, draw.randint(1, 4))) for _ in range(n)]
    return frame_personas([*texts, "東京の教師", f"東京の看護師{seed}"], prefix or f"s{seed}-")


def count_points(folder, names=None):
    settings = load_settings(paths={"data": folder})
    with open_index(settings, make_spec(LettersEncoder(), settings.hub.jaccard)) as index:
        return index.count_all() if names is None else {name: index.count(name) for name in names}


def assert_hub_is_right(folder):
    """The rule holds over all shards, and the index holds the lake's rows and nothing else."""
    hub = FolderHub(folder)
    personas = hub.personas()
    for place, (_, text) in enumerate(personas):
        for _, other in personas[place + 1 :]:
            assert not find_matches(text, other, LettersEncoder(), Thresholds())
    names = {contribution.name: contribution.rows for contribution in hub.contributions()}
    assert count_points(folder, names) == names
    assert count_points(folder) == len(personas)


def read_duplicates(decision):
    return {row["persona_id"]: (row["kept_id"], row["stage"], row["score"]) for row in decision.duplicates.to_dicts()}


def test_two_shards_are_decided_by_the_rule_written_slowly(tmp_path):
    first, second = draw_personas(1), draw_personas(2)
    materialise(tmp_path, "a", first)
    established = FolderHub(tmp_path).personas()
    decision = materialise(tmp_path, "b", second)
    slow = decide_slowly(list_pairs(second), LettersEncoder(), Thresholds(), established)
    assert read_duplicates(decision) == {
        persona_id: verdict for persona_id, verdict in zip(second["persona_id"], slow, strict=True) if verdict
    }
    assert decision.kept["persona_id"].to_list() == [
        persona_id for persona_id, verdict in zip(second["persona_id"], slow, strict=True) if verdict is None
    ]
    assert_hub_is_right(tmp_path)


def test_kept_rows_keep_all_columns_and_the_order_of_decision_is_recorded(tmp_path):
    personas = draw_personas(1).with_columns(round=pl.lit(3, pl.Int32))
    decision = materialise(tmp_path, "b", personas)
    assert decision.kept.schema == personas.schema
    assert materialise(tmp_path, "a", draw_personas(2)).contribution.order == decision.contribution.order + 1
    assert decision.counts["rows"].sum() == len(personas)
    assert decision.counts.filter(language="ja")["judged_embedding"].to_list() == [0]


def test_equal_input_changes_nothing(tmp_path):
    for shard, seed in (("a", 1), ("b", 2)):
        materialise(tmp_path, shard, draw_personas(seed))
    before = FolderHub(tmp_path).bytes()
    decisions = [materialise(tmp_path, shard, draw_personas(seed)) for shard, seed in (("a", 1), ("b", 2), ("a", 1))]
    assert FolderHub(tmp_path).bytes() == before
    assert all(decision.is_unchanged for decision in decisions)
    assert decisions[0].duplicates.equals(decisions[2].duplicates)
    assert_hub_is_right(tmp_path)


def test_a_materialised_again_shard_replaces_its_own_contribution_alone(tmp_path):
    for shard, seed in (("a", 1), ("b", 2), ("c", 3)):
        materialise(tmp_path, shard, draw_personas(seed))
    before = FolderHub(tmp_path).bytes()
    decision = materialise(tmp_path, "b", draw_personas(9))
    after = FolderHub(tmp_path).bytes()
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert decision.contribution.order == 4
    assert not decision.is_unchanged
    assert_hub_is_right(tmp_path)


def test_a_removed_shard_no_longer_suppresses_others(tmp_path):
    materialise(tmp_path, "a", frame_personas(["A quiet judge"], "a"))
    dropped = materialise(tmp_path, "b", frame_personas(["a quiet judge!", "violin"], "b"))
    assert dropped.kept["persona_id"].to_list() == ["b1"]
    FolderHub(tmp_path).remove("a")
    assert materialise(tmp_path, "b", frame_personas(["a quiet judge!", "violin"], "b")).kept.height == 2
    assert_hub_is_right(tmp_path)


def test_an_index_that_was_deleted_or_lost_points_is_mended_from_the_lake(tmp_path):
    materialise(tmp_path, "a", draw_personas(1))
    settings = load_settings(paths={"data": tmp_path})
    (contribution,) = FolderHub(tmp_path).contributions()
    with open_index(settings, make_spec(LettersEncoder(), 0.9)) as index:
        index.delete(contribution.name)
    materialise(tmp_path, "b", draw_personas(2))
    assert_hub_is_right(tmp_path)


def test_a_body_that_fails_publishes_nothing(tmp_path):
    materialise(tmp_path, "a", draw_personas(1))
    before = FolderHub(tmp_path).bytes()
    with pytest.raises(OSError, match="disk full"):
        fail_to_write(tmp_path)
    assert FolderHub(tmp_path).bytes() == before
    materialise(tmp_path, "b", draw_personas(3))
    assert_hub_is_right(tmp_path)


def fail_to_write(folder):
    class FullHub(FolderHub):
        def write(self, decision):
            raise OSError("disk full")

    hub = FullHub(folder)
    settings = load_settings(paths={"data": folder})
    with decide_shard(settings, "a", draw_personas(9), encoder=LettersEncoder(), published=hub) as decision:
        hub.write(decision)


STEPS = [
    "before:keep_only",
    "after:keep_only",
    "half:upsert",
    "after:upsert",
    "before:flush",
    "after:flush",
    "before:write",
    "after:write",
    "before:close",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_leaves_nothing_that_the_next_does_not_put_right(tmp_path, step):
    materialise(tmp_path, "a", draw_personas(1))
    materialise(tmp_path, "b", draw_personas(2))
    before = FolderHub(tmp_path).bytes()
    again = draw_personas(9)
    again.write_parquet(tmp_path / "b.input.parquet")
    command = [sys.executable, "-m", "persona_assets_tests.dedup.hub_lake", str(tmp_path), "b", step]
    killed = subprocess.run(command, timeout=60, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    is_published = step in {"after:write", "before:close"}
    assert (FolderHub(tmp_path).bytes() == before) is not is_published
    materialise(tmp_path, "c", draw_personas(3))
    assert_hub_is_right(tmp_path)
    materialise(tmp_path, "b", again)
    assert FolderHub(tmp_path).bytes()["a"] == before["a"]
    assert_hub_is_right(tmp_path)


def test_shards_materialised_at_once_give_a_hub_that_obeys_the_rule(tmp_path):
    running = []
    for shard, seed in (("a", 1), ("b", 2), ("c", 3)):
        draw_personas(seed).write_parquet(tmp_path / f"{shard}.input.parquet")
        command = [sys.executable, "-m", "persona_assets_tests.dedup.hub_lake", str(tmp_path), shard, "never"]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE))
    errors = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert sorted(contribution.order for contribution in FolderHub(tmp_path).contributions()) == [1, 2, 3]
    assert_hub_is_right(tmp_path)


def test_a_shard_waits_for_those_registered_before_it(tmp_path):
    materialise(tmp_path, "a", draw_personas(1), hub={"order": "registration"})
    with pytest.raises(LakeError, match=r"before the shard c come 1 that are not decided yet \(b\)"):
        materialise(tmp_path, "c", draw_personas(3), hub={"order": "registration"})
    materialise(tmp_path, "b", draw_personas(2), hub={"order": "registration"})
    materialise(tmp_path, "c", draw_personas(3), hub={"order": "registration"})


def test_another_model_is_refused_before_anything_changes(tmp_path):
    class OtherEncoder(LettersEncoder):
        identity = "other@1"

    materialise(tmp_path, "a", draw_personas(1))
    before = FolderHub(tmp_path).bytes()
    with pytest.raises(IndexUnavailableError, match=r"holds vectors of letters@1 .* embedding\.model is now other@1"):
        materialise(tmp_path, "b", draw_personas(2), OtherEncoder())
    assert FolderHub(tmp_path).bytes() == before


def test_ids_that_occur_twice_are_refused(tmp_path):
    with pytest.raises(LakeError, match="persona_id p0 occurs twice"):
        materialise(tmp_path, "a", pl.concat([frame_personas(["x"]), frame_personas(["y"])]))


def test_a_shard_without_personas_contributes_nothing(tmp_path):
    decision = materialise(tmp_path, "a", frame_personas([]))
    assert (decision.kept.height, decision.duplicates.height, decision.contribution.rows) == (0, 0, 0)
    materialise(tmp_path, "b", draw_personas(2))
    assert_hub_is_right(tmp_path)


def test_ten_shards_in_any_order_each_again(tmp_path):
    draw = random.Random(5)
    shards = [f"s{number}" for number in range(10)]
    for shard in [*draw.sample(shards, 10), *draw.sample(shards, 10)]:
        materialise(tmp_path, shard, draw_personas(int(shard[1:]), n=15))
    before = FolderHub(tmp_path).bytes()
    for shard in draw.sample(shards, 10):
        materialise(tmp_path, shard, draw_personas(int(shard[1:]), n=15))
    assert FolderHub(tmp_path).bytes() == before
    assert_hub_is_right(tmp_path)


@pytest.fixture
def approximate(monkeypatch):
    """An index that is not exhaustive above `hub.exact_rows`, as a server's is not."""
    monkeypatch.setattr(EdgeIndex, "compares_all", False)


def kill(folder, shard, personas, step):
    personas.write_parquet(folder / f"{shard}.input.parquet")
    command = [sys.executable, "-m", "persona_assets_tests.dedup.hub_lake", str(folder), shard, step]
    assert subprocess.run(command, timeout=60, check=False, capture_output=True).returncode == -signal.SIGKILL


def test_ten_shards_made_again_killed_and_removed_in_any_order(tmp_path):
    draw = random.Random(11)
    shards = [f"s{number}" for number in range(10)]
    hub = FolderHub(tmp_path)
    for shard in draw.sample(shards, 10):
        materialise(tmp_path, shard, draw_personas(int(shard[1:]), n=12))
    for number, shard in enumerate(draw.sample(shards, 10)):
        before = hub.bytes()
        personas = draw_personas(100 + number, n=12, prefix=f"{shard}-again-")
        if number % 3 == 0:
            kill(tmp_path, shard, personas, draw.choice(STEPS))
        if number % 3 == 1:
            hub.remove(shard)
        else:
            materialise(tmp_path, shard, personas)
            assert_hub_is_right(tmp_path)
        assert {name: rows for name, rows in hub.bytes().items() if name != shard} == {
            name: rows for name, rows in before.items() if name != shard
        }
    materialise(tmp_path, "s0", draw_personas(0, n=12))
    assert_hub_is_right(tmp_path)


def test_another_threshold_computes_no_vector_again(tmp_path):
    class CountingEncoder(LettersEncoder):
        asked = 0

        def encode(self, texts, *, alone=False):
            self.asked += len(texts)
            return super().encode(texts)

    model = CountingEncoder()
    cached = CachedEncoder(model, tmp_path / "vectors.sqlite")
    for shard in ("a", "b"):
        materialise(tmp_path, shard, draw_personas(ord(shard)), cached)
    asked = model.asked
    for shard in ("a", "b"):
        materialise(tmp_path, shard, draw_personas(ord(shard)), cached, hub={"cosine": 0.7})
    assert model.asked == asked > 20
    materialise(tmp_path, "c", frame_personas(["a persona never seen"], "c"), cached, hub={"cosine": 0.7})
    assert model.asked == asked + 1


def test_above_the_exact_rows_a_sample_is_searched_again(tmp_path, approximate):
    assert materialise(tmp_path, "a", draw_personas(1)).violations is None
    sample = materialise(tmp_path, "b", draw_personas(2), hub={"exact_rows": 1}).violations
    assert (sample.violations, sample.rate) == (0, 0.0)
    assert sample.rows == FolderHub(tmp_path).contributions()[1].rows


def test_a_search_that_misses_shows_in_the_sample(tmp_path, monkeypatch, approximate):
    materialise(tmp_path, "a", frame_personas(["quiet judge"], "a"))
    search = PersonaIndex.find_nearest

    def miss(self, vectors, threshold, contributions, *, exact=None):
        return search(self, vectors, threshold, contributions, exact=True) if exact else [[] for _ in vectors]

    monkeypatch.setattr(PersonaIndex, "find_nearest", miss)
    decision = materialise(tmp_path, "b", frame_personas(["judge quieter", "violin"], "b"), hub={"exact_rows": 0})
    assert (decision.violations.rows, decision.violations.violations, decision.violations.rate) == (2, 1, 0.5)
