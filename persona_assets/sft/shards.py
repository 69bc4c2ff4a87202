"""Which shards a release is made of: those of the corpus as it is configured now, whatever else the lake holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from persona_assets.errors import LakeError
from persona_assets.lake import Lake

NOT_IN_CORPUS = "not in the corpus"
NO_CANDIDATES = "no candidates yet"
DAMAGED = "candidates cannot be read"
_NAMED = 3


@dataclass(frozen=True, slots=True)
class ShardChoice:
    """The shards that a release takes.

    Attributes:
        taken: the data version of the candidates of each.
        left_out: for each other shard of lake or corpus the reason.
        damaged: for each shard of the corpus whose candidates cannot be read what to do.
    """

    taken: Mapping[str, str]
    left_out: Mapping[str, str]
    damaged: Mapping[str, str] = field(default_factory=dict)

    def describe_left_out(self) -> str:
        """Name the shards left out by reason, the first of each, in one line; empty if there is none."""
        by_reason: dict[str, list[str]] = {}
        for shard, reason in self.left_out.items():
            by_reason.setdefault(reason, []).append(shard)
        return "; ".join(f"{_name_some(shards)} ({reason})" for reason, shards in sorted(by_reason.items()))


def choose_shards(lake: Lake, corpus: Collection[str]) -> ShardChoice:
    """Choose the shards of the corpus that have candidates.

    Args:
        lake: the tables; it may still hold shards of a corpus that was configured before.

    Returns:
        The choice, in alphabetical order.
    """
    present = lake.shards("sft_mix")
    taken: dict[str, str] = {}
    damaged: dict[str, str] = {}
    for shard in present:
        if shard in corpus:
            try:
                taken[shard] = lake.info("sft_mix", shard).data_version
            except LakeError as error:
                damaged[shard] = str(error)
    reasons = dict.fromkeys(present, NOT_IN_CORPUS) | dict.fromkeys(corpus, NO_CANDIDATES)
    reasons |= dict.fromkeys(damaged, DAMAGED)
    return ShardChoice(taken, {shard: reasons[shard] for shard in sorted(reasons) if shard not in taken}, damaged)


def require_shards(choice: ShardChoice, corpus: Path) -> Sequence[str]:
    """The shards that a release takes; LakeError if there is none, or the candidates of one cannot be read."""
    if choice.damaged:
        # A release without it would look whole.
        raise LakeError(" ".join(list(choice.damaged.values())[:_NAMED]))
    if not choice.taken:
        raise LakeError(
            f"No shard of the corpus {corpus} has candidates (sft_mix) in the lake. Materialise its shards first "
            "(persona-assets run, or the job shard_pipeline), or correct corpus.path. Left out: "
            f"{choice.describe_left_out()}."
        )
    return list(choice.taken)


def _name_some(shards: Sequence[str]) -> str:
    more = f" and {len(shards) - _NAMED} more" if len(shards) > _NAMED else ""
    return f"{', '.join(shards[:_NAMED])}{more}"
