"""Fine-tuning on a release: the loss on the responses falls, and the model that comes out answers."""

from pathlib import Path

import pytest

from persona_assets.errors import LakeError
from persona_assets.settings import TrainingSettings
from persona_assets.training.causal_model import load_causal_model
from persona_assets.training.train import read_training, train_model
from persona_assets_tests.sft.test_formats import make_release

pytest.importorskip("trl")
FEW = TrainingSettings(max_steps=3, batch_size=2, micro_batch=2, learning_rate=1e-4, final_learning_rate=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_few_steps_lower_the_loss_on_the_responses(method: str, tmp_path: Path) -> None:
    release = make_release(tmp_path).folder
    settings = FEW.model_copy(update={"method": method, "learning_rate": 1e-3 if method == "lora" else 1e-4})
    training = train_model(release, tmp_path / "models" / "default", settings)
    assert training.steps == 3
    assert training.measured == "validation"
    assert training.loss_after < training.loss_before
    assert 0 < training.tokens < 60 * training.rows
    assert read_training(tmp_path / "models" / "default") == training
    assert (tmp_path / "models" / "default" / "adapter_config.json").exists() == (method == "lora")
    model = load_causal_model(tmp_path / "models" / "default")
    answers = model.answer([[{"role": "user", "content": "Cold?"}], [{"role": "user", "content": "Hi."}]], 8)
    assert len(answers) == 2
    assert all(answers)


@pytest.mark.long
def test_a_share_of_the_rows(tmp_path: Path) -> None:
    release = make_release(tmp_path, validation_share=0).folder
    settings = FEW.model_copy(update={"max_steps": 1, "share": 0.25})
    training = train_model(release, tmp_path / "model", settings)
    assert training.rows == 10
    assert training.measured == "train"


def test_without_a_release_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"no release in .*Materialise sft_dataset"):
        train_model(tmp_path, tmp_path / "model", FEW)
