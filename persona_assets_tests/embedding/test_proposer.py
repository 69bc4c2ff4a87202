import subprocess
import sys

import numpy as np
import pytest

from persona_assets.embedding.cache import make_encoder, make_hub_encoder
from persona_assets.embedding.proposer import find_judge
from persona_assets.settings import load_settings

PAIRS = [
    ("A retired history teacher from a small town", "A history teacher, now retired, from a small town"),
    ("A nurse who plays chess by mail", "A nurse who plays correspondence chess by mail"),
    ("A beekeeper fighting against pesticides", "A beekeeper campaigning against pesticides"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return load_settings(paths={"data": tmp_path_factory.mktemp("data")}, embedding={"proposer": "static"})


@pytest.fixture(scope="module")
def proposing(settings):
    """Distilled from the packaged model, which takes most of a minute."""
    return make_hub_encoder(settings, make_encoder(settings))


@pytest.mark.long
def test_the_static_model_proposes_what_the_model_takes_for_one(proposing):
    left, right = zip(*PAIRS, strict=True)
    proposed = np.sum(proposing.encode(left) * proposing.encode(right), axis=1)
    judged = find_judge(proposing).compare(left, right)
    assert (judged >= 0.9).all()
    assert (proposed >= 0.9 - find_judge(proposing).margin).all()
    unrelated = proposing.encode(["A DJ on a cruise ship"]) @ proposing.encode(left).T
    assert unrelated.max() < 0.5


@pytest.mark.long
def test_the_judge_has_the_models_own_cosines(settings, proposing):
    texts = [text for pair in PAIRS for text in pair]
    vectors = make_encoder(settings).encode(texts).astype(np.float64)
    expected = [float(vectors[row] @ vectors[row + 1]) for row in range(0, len(texts), 2)]
    assert find_judge(proposing).compare(*zip(*PAIRS, strict=True)).tolist() == pytest.approx(expected, abs=2e-6)
    assert find_judge(proposing).compare([], []).tolist() == []


@pytest.mark.long
def test_it_is_distilled_once_and_named_after_both_models(settings, proposing):
    folder = settings.data / "index" / "static"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = make_hub_encoder(settings, make_encoder(settings))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.identity == proposing.identity
    assert again.identity.endswith(f" for {make_encoder(settings).identity}")
    assert proposing.readable(["A miner", "考古学家"]).tolist() == [True, False]


def test_without_a_proposer_the_hub_compares_by_the_model_and_loads_nothing(tmp_path):
    code = (
        "import sys; from persona_assets.embedding.cache import make_encoder, make_hub_encoder;"
        "from persona_assets.settings import load_settings;"
        f"s = load_settings(paths={{'data': {str(tmp_path)!r}}}); e = make_hub_encoder(s, make_encoder(s));"
        "assert type(e).__name__ == 'CachedEncoder' and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
