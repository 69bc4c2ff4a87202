"""The one resource of every asset: the project, with its settings, stores and models.

Whatever is heavy is opened when it is first used, so that a run with nothing to send or embed loads no
model library.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from persona_assets.corpus.file_listing import list_files
from persona_assets.corpus.shards import CorpusShard, Discovery, discover_shards
from persona_assets.embedding.cache import make_encoder, make_hub_encoder
from persona_assets.embedding.encoder import TextEncoder
from persona_assets.embedding.similarity import SimilarityMeter
from persona_assets.errors import CorpusError, SettingsError
from persona_assets.lake import Lake
from persona_assets.llm.budget import Budget
from persona_assets.llm.client import ModelClient, asks_in_batches, resolve_task
from persona_assets.llm.ledger import Ledger, open_ledger
from persona_assets.llm.team import ModelTeam
from persona_assets.llm.usage import Usage
from persona_assets.progress import Reporter
from persona_assets.settings import Settings, TaskSettings


class Project:
    """Settings, lake, ledger and encoder of one data folder."""

    def __init__(self, settings: Settings, reporter: Reporter | None = None) -> None:
        self.settings = settings
        self.reporter = reporter or Reporter()
        self.lake = Lake(settings.lake)

    @cached_property
    def ledger(self) -> Ledger:
        """The store of model responses."""
        return open_ledger(self.settings.ledger.url, self.settings.data)

    @cached_property
    def budget(self) -> Budget:
        """What this run may spend, over all its assets."""
        return Budget(self.settings.budget, self.ledger)

    @cached_property
    def encoder(self) -> TextEncoder:
        """The embedding model behind its cache of vectors."""
        return make_encoder(self.settings)

    @cached_property
    def hub_encoder(self) -> TextEncoder:
        """What the hub compares with: the same, or a static model that proposes pairs to it."""
        return make_hub_encoder(self.settings, self.encoder)

    def open_client(self, task: TaskSettings, usage: Usage) -> ModelClient | ModelTeam:
        """Open a client for one asset, with the model or models that its task settings name."""
        batches = self.settings.batch if asks_in_batches(self.settings.batch, task) else None
        clients = [
            ModelClient(model, self.ledger, usage, budget=self.budget, batches=batches)
            for model in resolve_task(self.settings.model, task)
        ]
        return clients[0] if len(clients) == 1 else ModelTeam(clients)

    def open_meter(self) -> SimilarityMeter:
        """Open a meter of similarity for one asset, which runs in an event loop of its own."""
        return SimilarityMeter(self.encoder)

    def list_instruction_files(self) -> list[Path]:
        """The files of the instruction folder that can be read, in order; CorpusError if there is no such folder."""
        return list_files(self.settings.instructions.path.expanduser(), "instructions.path")[0]

    def discover(self) -> Discovery:
        """Find the shards of the corpus folder."""
        return discover_shards(self.settings.corpus, self.settings.data / "corpus_facts.json")

    def list_shards(self) -> list[str]:
        """Keys of the shards that the corpus folder has now, in order."""
        return [shard.key for shard in self.discover().shards]

    def require_shards(self, keys: Sequence[str]) -> None:
        """Raise a SettingsError for a shard, named with --shard, that the corpus folder does not have."""
        known = self.list_shards()
        for key in keys:
            if key not in known:
                raise SettingsError(f"--shard {key}: the corpus has no such shard. It has {', '.join(known[:20])}.")

    def find_shard(self, key: str) -> CorpusShard:
        """Find one shard of the corpus; CorpusError if its file is gone."""
        for shard in self.discover().shards:
            if shard.key == key:
                return shard
        raise CorpusError(
            f"Shard {key} is not in the corpus {self.settings.corpus.path}. Its file was moved or renamed: put it"
            " back, or delete the partition. `persona-assets shards` lists what is there."
        )

    def close(self) -> None:
        """Close what was opened."""
        if "ledger" in self.__dict__:
            self.__dict__.pop("ledger").close()
            self.__dict__.pop("budget", None)
