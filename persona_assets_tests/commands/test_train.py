"""Training on the release of a small project, from the command line: the loss falls, and scores are recorded."""

import json
from pathlib import Path

import pytest

from persona_assets.evaluation.scores import read_evaluations
from persona_assets.training.train import read_training
from persona_assets_tests.commands.conftest import Call, SmallProject
from persona_assets_tests.tiny_model import write_tiny_model

pytest.importorskip("trl")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Little of everything: what is learned here is that it works."""
    benchmark = tmp_path / "bench.jsonl"
    benchmark.write_text(json.dumps({"problem": "1 + 1 = ?", "answer": "2"}))
    for name, value in {
        "TRAINING__MAX_STEPS": "3",
        "TRAINING__BATCH_SIZE": "2",
        "TRAINING__MICRO_BATCH": "2",
        "TRAINING__LEARNING_RATE": "1e-4",
        "TRAINING__MAX_TOKENS": "128",
        "EVALUATION__MATHEMATICS": json.dumps([str(benchmark)]),
        "EVALUATION__CHARACTERS": "1",
        "EVALUATION__MAX_TOKENS": "16",
    }.items():
        monkeypatch.setenv(f"PERSONA_ASSETS__{name}", value)


@pytest.mark.parametrize("base", ["tiny", pytest.param("packaged", marks=pytest.mark.long)])
def test_a_release_trains_a_model_and_is_evaluated(
    base: str, project: SmallProject, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if base == "tiny":
        monkeypatch.setenv("PERSONA_ASSETS__TRAINING__BASE", str(write_tiny_model(tmp_path / "tiny")))
        # Random weights learn nothing from a few steps of a small one.
        monkeypatch.setenv("PERSONA_ASSETS__TRAINING__LEARNING_RATE", "1e-2")
    called = call("train", "--mix", "default")
    assert called.code == 0, called.out + called.err
    training = read_training(project.data / "models" / "default")
    assert training is not None
    assert training.loss_after < training.loss_before
    (evaluation,) = read_evaluations(project.data / "evaluations" / "default.jsonl")
    assert evaluation.release == training.release
    assert {score.side for score in evaluation.scores} == {"before", "after"}
    names = {score.of for score in evaluation.scores}
    assert {"bench", "in-domain, PersonaScore", "in-domain, toxicity"} <= names
    assert "loss on the responses" in called.out
    assert "PersonaScore" in called.out


@pytest.mark.long
def test_a_curve_over_shares_of_the_release(project: SmallProject, call: Call) -> None:
    called = call("curve", "--share", "0.5", "--share", "1")
    assert called.code == 0, called.out + called.err
    assert (project.data / "evaluations" / "default-curve.png").read_bytes().startswith(b"\x89PNG")
    curve = read_evaluations(project.data / "evaluations" / "default-curve.jsonl")
    assert [one.share for one in curve] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("train", "--mix", "nowhere"), "--mix nowhere: there is no such mix"),
        (("curve", "--share", "2"), "--share 2: shares are above 0 and at most 1"),
    ],
)
def test_a_mistake_is_named(command: tuple[str, ...], message: str, project: SmallProject, call: Call) -> None:
    called = call(*command)
    assert called.code == 1
    assert message in called.err
