import numpy as np
import pytest

from persona_assets.dedup.established import make_spec
from persona_assets.dedup.portrait import SAMPLE_ROWS, draw_portrait, place_personas
from persona_assets.index.open import open_index
from persona_assets.settings import load_settings
from persona_assets_tests.dedup.doubles import frame_personas
from persona_assets_tests.dedup.hub_lake import LettersEncoder, materialise


@pytest.mark.parametrize("texts", [[], ["quiet judge"], ["東京の教師"], ["quiet judge", "東京の教師"]])
def test_who_is_alone_or_cannot_be_read_is_left_out(tmp_path, texts):
    portrait = materialise(tmp_path, "a", frame_personas(texts)).portrait
    assert (portrait.nearest.height, len(portrait.vectors)) == (0, 0)


def test_each_is_shown_beside_the_nearest_other_of_any_shard(tmp_path):
    materialise(tmp_path, "a", frame_personas(["abcde", "wxyz"], "a"))
    portrait = materialise(tmp_path, "b", frame_personas(["abcfg", "wxmn"], "b")).portrait
    rows = {row["persona_id"]: row for row in portrait.nearest.iter_rows(named=True)}
    assert {name: row["other_id"] for name, row in rows.items()} == {"b0": "a0", "b1": "a1"}
    encoder = LettersEncoder()
    expected = float(encoder.encode(["abcfg"])[0] @ encoder.encode(["abcde"])[0])
    assert rows["b0"]["cosine"] == pytest.approx(expected, abs=1e-5)
    assert rows["b0"]["jaccard"] == 0.0
    assert place_personas(portrait.vectors).shape == (2, 2)


def test_a_large_shard_is_sampled_the_same_each_time(tmp_path):
    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list("abcdefghijklmnopqrstuvwxyz"), 9)) for _ in range(SAMPLE_ROWS + 100)]
    decision = materialise(tmp_path, "a", frame_personas(texts))
    settings = load_settings(paths={"data": tmp_path})
    with open_index(settings, make_spec(LettersEncoder(), 0.9)) as index:
        again = draw_portrait(index, LettersEncoder(), decision.kept)
    assert decision.portrait.nearest.height == SAMPLE_ROWS
    assert again.nearest.equals(decision.portrait.nearest)
    places = place_personas(again.vectors)
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(3), axis=0)) > SAMPLE_ROWS * 0.9
    assert np.array_equal(places, place_personas(decision.portrait.vectors))
