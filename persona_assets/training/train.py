"""Supervised fine-tuning on a release (OpenCharacter, section 4.1), by TRL.

The loss is on the assistant's turns alone; Adam with betas 0.9 and 0.95, and a learning rate that falls linearly from
1e-5 to 1e-6, are the paper's and the defaults of the settings.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.errors import LakeError, ModelError
from persona_assets.llm.tokenizer import ChatTokenizer
from persona_assets.settings import TrainingSettings
from persona_assets.sft.choice import SPLITS
from persona_assets.sft.lengths import fit_turns
from persona_assets.sft.release import read_release_facts, scan_split
from persona_assets.training.causal_model import ADAPTER_FILE, INSTALL, CausalModel, load_causal_model

Encoded = list[dict[str, list[int]]]
"""Token ids and labels of each example."""

FACTS_FILE = "training.json"
_MEASURED = 64


@dataclass(frozen=True, slots=True)
class Training:
    """What a training came to.

    Attributes:
        folder: where the model lies, whole or as adapters.
        tokens: tokens of the assistant's turns among them.
        losses: step and loss on the responses, as training went on.
        measured: split whose responses were measured: validation, or train where that has no row.
    """

    folder: str
    base: str
    release: str
    rows: int
    tokens: int
    steps: int
    losses: Sequence[tuple[int, float]]
    measured: str
    loss_before: float
    loss_after: float
    settings: Mapping[str, Any]


def train_model(release: Path, folder: Path, settings: TrainingSettings) -> Training:
    """Fine-tune a model on the training split of a release.

    Args:
        folder: where the model goes, in place of one that is there, once it is whole.
        settings: base model, full or by adapters, optimiser, share of the rows.

    Returns:
        What came of it; it lies beside the weights, too.

    Raises:
        LakeError: if there is no release, or it has no rows.
        ModelError: if the base model cannot be loaded, or what trains is not installed.
    """
    facts = read_release_facts(release)
    if facts is None:
        raise LakeError(f"There is no release in {release}. Materialise sft_dataset of this mix first.")
    causal = load_causal_model(settings.base)
    splits = {split: _encode(release, split, causal.chat, settings) for split in SPLITS}
    if not splits["train"]:
        raise LakeError(f"The release {release} has no training row that fits into training.max_tokens.")
    staged = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        measured = "validation" if splits["validation"] else "train"
        trainer = _make_trainer(causal, splits["train"], splits[measured][:_MEASURED], staged, settings)
        before = _measure(trainer)
        result = trainer.train()
        training = Training(
            str(folder),
            settings.base,
            facts["data_version"],
            len(splits["train"]),
            sum(label >= 0 for row in splits["train"] for label in row["labels"]),
            result.global_step,
            [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry],
            measured,
            before,
            _measure(trainer),
            settings.model_dump(mode="json"),
        )
        _save(trainer, causal, staged, training)
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return training


def read_training(folder: Path) -> Training | None:
    """What a trained model says of itself, or None where there is none."""
    path = folder / FACTS_FILE
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    return Training(**{**values, "losses": [tuple(loss) for loss in values["losses"]]})


def _encode(release: Path, split: str, chat: ChatTokenizer, settings: TrainingSettings) -> Encoded:
    rows = scan_split(release, split).select("messages").collect()
    wanted = _MEASURED if split == "validation" else -(-int(rows.height * settings.share * 1_000) // 1_000)
    sample = rows.sample(min(rows.height, max(wanted, 1)), seed=settings.seed) if rows.height else rows
    encoded = []
    for messages in sample["messages"].to_list():
        kept, _ = fit_turns(chat, messages, settings.max_tokens)
        if kept:
            whole = chat.encode(messages[:kept])
            encoded.append({"input_ids": whole.input_ids, "labels": whole.labels})
    return encoded


def _make_trainer(
    causal: CausalModel, train: Encoded, measured: Encoded, folder: Path, settings: TrainingSettings
) -> Any:
    try:
        import torch
        from datasets import Dataset
        from transformers import PrinterCallback
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise ModelError(f"training: {error.name or error} is not installed. Run: {INSTALL}.") from None

    accumulate = max(1, settings.batch_size // settings.micro_batch)
    steps = settings.max_steps or -1
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        max_steps=steps,
        per_device_train_batch_size=min(settings.micro_batch, settings.batch_size),
        per_device_eval_batch_size=settings.micro_batch,
        gradient_accumulation_steps=accumulate,
        learning_rate=settings.learning_rate,
        adam_beta1=0.9,
        adam_beta2=0.95,
        weight_decay=0.0,
        lr_scheduler_type="constant",
        max_length=settings.max_tokens,
        seed=settings.seed,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        bf16=torch.cuda.is_available(),
        # Less memory for more time, which a CPU has none of.
        **({} if torch.cuda.is_available() else {"gradient_checkpointing": False}),
        use_cpu=not torch.cuda.is_available(),
        dataset_kwargs={"skip_prepare_dataset": True},
        # The labels say what is learned; dropping columns would drop them.
        remove_unused_columns=False,
    )

    class Trainer(SFTTrainer):  # type: ignore[misc]
        """TRL's, with a learning rate that falls linearly to its last value."""

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            last = settings.final_learning_rate / settings.learning_rate
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer,
                lambda step: 1 - (1 - last) * min(1.0, step / max(1, num_training_steps - 1)),
            )
            return self.lr_scheduler

    trainer = Trainer(
        model=causal.model,
        args=arguments,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(measured),
        processing_class=causal.tokenizer,
        peft_config=_make_adapters(settings),
    )
    # What it would print is in the state, and in the asset's metadata.
    trainer.remove_callback(PrinterCallback)
    return trainer


def _make_adapters(settings: TrainingSettings) -> Any:
    if settings.method == "full":
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora_rank, lora_alpha=2 * settings.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _measure(trainer: Any) -> float:
    return float(trainer.evaluate()["eval_loss"])


def _save(trainer: Any, causal: CausalModel, folder: Path, training: Training) -> None:
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    trainer.model.save_pretrained(folder)
    adapters = folder / ADAPTER_FILE
    if adapters.is_file():
        # An embedded model has no folder of its own to be named by.
        config = json.loads(adapters.read_text(encoding="utf-8")) | {"base_model_name_or_path": training.base}
        adapters.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    causal.tokenizer.save_pretrained(folder)
    (folder / FACTS_FILE).write_text(json.dumps(asdict(training), indent=2) + "\n", encoding="utf-8")


def draw_losses(training: Training) -> Any:
    """Plot the loss on the responses by step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    losses = pl.DataFrame(training.losses, schema=["step", "loss"], orient="row")
    axes.plot(losses["step"], losses["loss"], color="#4c72b0")
    measured = [training.loss_before, training.loss_after]
    axes.plot([0, training.steps], measured, "o", color="#dd8452", label=training.measured)
    axes.set(xlabel="step", ylabel="loss on the responses")
    axes.legend(frameon=False)
    return figure
