"""`persona-assets demo`: the bundled sample, end to end, on replies of a strong model that lie beside it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from persona_assets.accounting import Accounting
from persona_assets.commands import make_table, say, shorten
from persona_assets.commands.ledger import import_responses
from persona_assets.commands.ledger_files import write_entries
from persona_assets.commands.run import RunFailedError, run_pipeline
from persona_assets.lake import Lake
from persona_assets.lineage import list_named_responses
from persona_assets.llm.cost_bound import price_tokens
from persona_assets.llm.ledger import Entry
from persona_assets.llm.ledger_upkeep import Selection, open_upkeep
from persona_assets.llm.provider import NOT_RECORDED
from persona_assets.recipes.load import load_recipes
from persona_assets.settings import PACKAGE, Settings, load_settings, packaged_settings
from persona_assets.sft.release import scan_split
from persona_assets.tables import WHOLE

SHARD = "sample"
MIX = "default"
REPLIES = PACKAGE / "sample" / "replies.jsonl"
RECORDED_MODEL = "recorded/frontier"
LIVE_MODEL = packaged_settings().model.name
PRICED_AS = ("openai/gpt-4o-mini", "openai/gpt-4o")

PROFILE: Mapping[str, Any] = {
    "corpus": {"path": str(PACKAGE / "sample" / "documents")},
    "instructions": {"path": str(PACKAGE / "sample" / "instructions")},
    "expansion": {"rounds": 6, "relatives": 3, "max_frontier": 6},
    "characters": {"limit": 16},
    "dialogues": {"per_character": 2.75, "characters_per_session": 2, "own_instructions": 0.4},
    "tasks": {
        "dialogues_r": {"limit": 34},
        "dialogues_g": {"limit": 44},
        "math_problems": {"limit": 10},
        "logic_problems": {"limit": 8},
        "ruozhiba_questions": {"limit": 16},
        "instructions": {"limit": 24},
        "conversations": {"limit": 8},
        "persona_talks": {"limit": 6},
        "knowledge_texts": {"limit": 12},
        "game_npcs": {"limit": 12},
        "tools": {"limit": 10},
    },
}
"""How much of the sample the demo asks about."""

LIVE_PROFILE: Mapping[str, Any] = {
    **PROFILE,
    "defaults": {"max_tokens": 384},
    "expansion": {"rounds": 2, "relatives": 2, "max_frontier": 3},
    "characters": {"limit": 4},
    "tasks": {asset: {"limit": 3} for asset in PROFILE["tasks"]},
}
"""The same for a model in process, so that it ends in minutes on a laptop."""

_SHOWN, _CELL = 3, 300


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made: accounts by asset in the graph's order, and a few personas and training rows to show."""

    accounts: Mapping[str, Accounting]
    personas: Sequence[str]
    examples: Sequence[Mapping[str, Any]]
    sft_rows: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls and tokens of replies, as far as the server that they came through counted them."""

    calls: int
    prompt_tokens: int
    completion_tokens: int

    def price(self, model: str) -> float | None:
        """What another model would have cost for as many tokens, in US dollars; None where its price is unknown."""
        return price_tokens(model, self.prompt_tokens, self.completion_tokens)


def choose_settings(settings: Settings, live: bool, record: str | None) -> Settings:
    """Choose the model: if `live`, the small one in process; else the user's, if set; else recorded replies.

    A server at the address `record` is asked for the replies that are not recorded.
    """
    if live:
        return load_settings(**LIVE_PROFILE)
    if not record and (settings.model.name != LIVE_MODEL or settings.model.api_base):
        return load_settings(**PROFILE)
    model = {**settings.model.model_dump(), "name": RECORDED_MODEL, "api_base": record}
    return load_settings(**PROFILE, model=model)


def run_demo(settings: Settings, console: Console) -> None:
    """Run the sample shard with the settings of `choose_settings`; RunFailedError if nothing comes out at its end."""
    if settings.model.name == RECORDED_MODEL:
        load_replies(settings)
    run_pipeline(settings, console, [SHARD], [], [MIX])
    result = gather_result(settings)
    _print_result(settings, console, result)
    if not result.sft_rows:
        raise RunFailedError(
            f"Nothing that {settings.model.name} wrote passed the checks: the dataset is empty. What was refused lies, "
            f"with the reasons, in {settings.lake}/quarantine; a larger model does better."
        )


def gather_result(settings: Settings) -> DemoResult:
    """Read what the demo left in the lake and the release."""
    lake = Lake(settings.lake)
    personas = ("seed_personas", "expanded_personas", "persona_hub")
    characters = ("character_profiles", "dialogues_r", "dialogues_g")
    recipes = [recipe.content.asset for recipe in load_recipes(settings.prompts / "recipes")]
    assets = ("web_text", "source_instructions", *personas, *characters, *recipes, "sft_mix")
    accounts = {
        asset: lake.info(asset, WHOLE if asset == "source_instructions" else SHARD).accounting for asset in assets
    }
    splits = [scan_split(settings.data / "sft_dataset" / MIX, split) for split in ("train", "validation")]
    sft_rows = sum(int(split.select(pl.len()).collect().item()) for split in splits)
    hub = lake.scan("persona_hub", SHARD)
    is_seed = pl.col("round") == 0
    shown = pl.concat([hub.filter(is_seed).head(_SHOWN), hub.filter(~is_seed).tail(_SHOWN)]).select("persona")
    # One row a task, so that the reader sees each kind.
    examples = splits[0].unique("task", keep="first", maintain_order=True).head(_SHOWN).collect().to_dicts()
    return DemoResult(accounts, shown.collect()["persona"].to_list(), examples, sft_rows)


def _print_result(settings: Settings, console: Console, result: DemoResult) -> None:
    console.print()
    console.print(_tabulate(result))
    console.print(f"\nThe hub has {result.accounts['persona_hub'].rows} personas, such as:")
    for persona in result.personas:
        say(console, f"  {shorten(persona, _CELL)}")
    folder = settings.data / "sft_dataset" / MIX
    console.print(f"\nThe dataset has {result.sft_rows} rows ({folder}), such as:", soft_wrap=True)
    for example in result.examples:
        console.print(f"\n[bold]{example['task']}[/] {example['example_id']}")
        for message in example["messages"]:
            say(console, f"  {message['role']}: {shorten(message['content'], _CELL)}")
    console.print()
    for line in _explain(settings, result):
        say(console, line)


def _tabulate(result: DemoResult) -> Table:
    table = make_table("asset", "rows", "flagged", "refused")
    for asset, account in result.accounts.items():
        refused = account.refused.total() + account.quarantined.total()
        table.add_row(asset, f"{account.rows:,}", f"{account.flagged or ''}", f"{refused or ''}")
    table.add_row("sft_dataset", f"{result.sft_rows:,}", "", "")
    return table


def _explain(settings: Settings, result: DemoResult) -> list[str]:
    lines = []
    if settings.model.name == RECORDED_MODEL:
        usage = measure_usage(settings)
        costs = (f"${cost:.2f} with {model}" for model in PRICED_AS if (cost := usage.price(model)) is not None)
        lines.append(
            f"The replies were recorded: a strong model wrote them for this sample; {usage.calls} calls would have "
            f"cost about {' or '.join(costs)}. `make demo LIVE=1` asks a model of 135M parameters in process "
            "instead: that works, but its rows are poor, and many are flagged or refused."
        )
        lines += filter(None, [describe_missing(result.accounts)])
    example_id = result.examples[0]["example_id"] if result.examples else "ID"
    return [
        *lines,
        "Your own text with your own model: PERSONA_ASSETS__CORPUS__PATH=FOLDER "
        "PERSONA_ASSETS__MODEL__NAME=openai/gpt-4o-mini OPENAI_API_KEY=... PERSONA_ASSETS__PATHS__DATA=mydata "
        "persona-assets run   (`persona-assets estimate` says first what it costs)",
        f"Where a row came from: persona-assets trace {example_id}   The graph, previews and checks: make dev",
    ]


def describe_missing(accounts: Mapping[str, Accounting]) -> str | None:
    """Say how many requests of each asset have no recorded reply, and what to do; None where none is missing."""
    missing = {asset: account.refused[NOT_RECORDED] for asset, account in accounts.items()}
    named = ", ".join(f"{asset} {count}" for asset, count in missing.items() if count)
    if not named:
        return None
    return (
        f"{sum(missing.values())} requests have no recorded reply ({named}), as after a prompt was edited: the log "
        "names them, and `make record URL=...` collects what is missing."
    )


def load_replies(settings: Settings) -> None:
    """Put the recorded replies into the ledger of the data folder."""
    if REPLIES.is_file():
        import_responses(settings, REPLIES)


def record_replies(settings: Settings, console: Console) -> None:
    """Write the replies behind the tables of the sample to `REPLIES`, without those that nothing asks for any more."""
    entries = sorted(_list_used(settings), key=lambda entry: (entry.task, entry.key))
    count = write_entries(REPLIES, [[replace(entry, cost=0.0) for entry in entries]])
    say(console, f"{REPLIES}: {count:,} replies")


def measure_usage(settings: Settings) -> Usage:
    """Count the calls and tokens behind the tables of the sample."""
    used = list(_list_used(settings))
    return Usage(len(used), sum(one.prompt_tokens for one in used), sum(one.completion_tokens for one in used))


def _list_used(settings: Settings) -> Iterator[Entry]:
    named = set(list_named_responses(Lake(settings.lake)))
    with closing(open_upkeep(settings.ledger.url, settings.data)) as ledger:
        entries = [entry for page in ledger.read_all(Selection(model=settings.model.name)) for entry in page]
    # A vote that lost is named by no row, but was asked about the same row by the same prompt as one that is.
    asked = {_identify(entry) for entry in entries if entry.key in named}
    return (entry for entry in entries if _identify(entry) in asked)


def _identify(entry: Entry) -> tuple[str, str, str]:
    return entry.task, entry.origin_id, entry.prompt_hash
