"""`persona-assets estimate`: what shards will ask of their models, and what it will cost, before it is spent."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import typer
from rich.console import Console
from rich.table import Table

from persona_assets.characters.suggestions import load_profile_prompt
from persona_assets.commands import make_table, say
from persona_assets.commands.pipeline import Pipeline, open_pipeline
from persona_assets.commands.progress_bar import shorten_count
from persona_assets.commands.sample_run import Sample, measure_flow, run_sample
from persona_assets.errors import PersonaAssetsError, SettingsError
from persona_assets.forecast import AssetForecast, Flow, Rates, ShardSize, assume_rates, forecast_shard
from persona_assets.lake import Lake
from persona_assets.llm.client import asks_in_batches, name_models, resolve_task
from persona_assets.llm.cost_bound import price_tokens
from persona_assets.llm.ledger_upkeep import Spending, has_ledger, open_upkeep
from persona_assets.llm.price_table import BATCH_SHARE
from persona_assets.personas.persona_prompts import load_expansion_prompt, load_seed_prompt
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.recipe import Recipe
from persona_assets.settings import Settings

_BY_TURN = "dialogues_g"
"""Asks once for each question of a session."""

_PERSONA_CHARS = 150


@dataclass(frozen=True, slots=True)
class _Project:
    """What a forecast is made of, gathered once."""

    settings: Settings
    recipes: Sequence[Recipe]
    prompts: Mapping[str, Prompt[PromptFile]]
    sizes: Mapping[str, ShardSize]
    rates: Mapping[str, Rates]
    flow: Flow
    session_turns: float

    def forecast(self, sizes: Mapping[str, ShardSize]) -> list[AssetForecast]:
        """All shards together, an entry for each asset."""
        each: list[AssetForecast] = []
        for size in sizes.values():
            each += forecast_shard(size, self.rates, self.flow, self.recipes, self.settings)
        by_asset = ([one for one in each if one.asset == asset] for asset in self.prompts)
        return [_add(forecasts) for forecasts in by_asset if forecasts]


def print_estimate(
    settings: Settings, console: Console, shards: Sequence[str], sample: int | None, seed: int, agreed: bool
) -> None:
    """Forecast calls, tokens and cost of some shards, or of the whole corpus, and print them.

    Args:
        sample: documents of each shard to run first; None buys nothing.
        agreed: whether the sample may be bought without asking.

    Raises:
        SettingsError: for an unknown shard, or if nobody is there to agree to the purchase.
        PersonaAssetsError: if web_text cannot be read, or the sample stops.
    """
    project = _gather(settings, console, shards)
    if sample is not None:
        _agree(console, project, sample, agreed)
        measured = run_sample(settings, console, list(project.sizes), sample, seed)
        project = _gather(settings, console, shards, measured)
        spent = _write_cost(measured.spent if measured.rates else 0.0)
        console.print(f"The sample sent {measured.calls:,} requests for {spent}; the run will not send them again.\n")
    forecasts = project.forecast(project.sizes)
    console.print(_tabulate(forecasts))
    for line in _explain(project, forecasts):
        say(console, line)


def _gather(settings: Settings, console: Console, wanted: Sequence[str], sample: Sample | None = None) -> _Project:
    recipes = load_recipes(settings.prompts / "recipes")
    prompts = _list_prompts(settings, recipes)
    with open_pipeline(settings, console) as pipeline:
        shards = pipeline.choose_shards(wanted)
        # What costs nothing is done, and need not be guessed.
        _read_sources(pipeline, shards)
        lake = pipeline.project.lake
        origins, spending = _read_ledger(settings)
        stored = _count_stored(origins, settings, prompts, lake)
        sizes = {shard: _measure_size(lake, shard, stored.get(shard, {})) for shard in shards}
        chars = _measure_chars(lake, shards)
        assumed = {
            name: assume_rates(prompt.content, settings, name, chars if name == "seed_personas" else _PERSONA_CHARS)
            for name, prompt in prompts.items()
        }
        turns = _measure_turns(lake, settings)
        assumed[_BY_TURN] = replace(assumed[_BY_TURN], calls=assumed[_BY_TURN].calls * turns)
        rates = {**assumed, **_measure_history(spending, settings, lake, prompts), **(sample.rates if sample else {})}
        flow = sample.flow if sample else measure_flow(lake, lake.shards("persona_hub"))
    return _Project(settings, recipes, prompts, sizes, rates, flow, turns)


def _list_prompts(settings: Settings, recipes: Sequence[Recipe]) -> dict[str, Prompt[PromptFile]]:
    folder = settings.prompts
    return {
        "seed_personas": load_seed_prompt(folder),  # type: ignore[dict-item]
        "expanded_personas": load_expansion_prompt(folder),
        "character_profiles": load_profile_prompt(folder, settings.characters.attributes),  # type: ignore[dict-item]
        **{name: load_prompt(folder / f"{name}.yaml", PromptFile) for name in ("dialogues_r", _BY_TURN)},
        **{recipe.content.asset: recipe for recipe in recipes},  # type: ignore[misc]
    }


def _read_sources(pipeline: Pipeline, shards: Sequence[str]) -> None:
    reports = [] if pipeline.examine_instructions().is_current else [pipeline.run_instructions()]
    lake = pipeline.project.lake
    for shard in shards:
        reports.append(pipeline.run_shard(shard, ["web_text"]))
        is_persona_file = reports[-1].is_success and lake.info("web_text", shard).rows == 0
        if is_persona_file and not lake.exists("seed_personas", shard):
            reports.append(pipeline.run_shard(shard, ["seed_personas"]))
    failures = [failure for report in reports for failure in report.failures]
    if failures:
        raise PersonaAssetsError(f"{failures[0].step}: {failures[0].message}")


def _measure_size(lake: Lake, shard: str, stored: Mapping[str, int]) -> ShardSize:
    instructions = lake.scan("source_instructions").select("has_answers").collect()["has_answers"]
    documents = lake.info("web_text", shard).rows
    personas = 0 if documents or not lake.exists("seed_personas", shard) else lake.info("seed_personas", shard).rows
    return ShardSize(documents, personas, (instructions.len(), int(instructions.sum())), stored)


def _measure_turns(lake: Lake, settings: Settings) -> float:
    """Questions of a session on average; what the shard's own personas ask is one."""
    questions = lake.scan("source_instructions").select("n_user_turns").collect()["n_user_turns"]
    own = settings.dialogues.own_instructions
    return own + (1 - own) * float(questions.mean() or 1)  # type: ignore[arg-type]


def _measure_chars(lake: Lake, shards: Sequence[str]) -> int:
    texts = [lake.scan("web_text", shard).select("n_chars").collect()["n_chars"] for shard in shards]
    documents = sum(text.len() for text in texts)
    return sum(int(text.sum()) for text in texts) // documents if documents else _PERSONA_CHARS


def _read_ledger(settings: Settings) -> tuple[list[tuple[str, str, str, str, int]], list[Spending]]:
    if not has_ledger(settings.ledger.url, settings.data):
        return [], []
    with closing(open_upkeep(settings.ledger.url, settings.data)) as ledger:
        return ledger.count_by_origin(), ledger.list_spending()


def _count_stored(
    origins: Sequence[tuple[str, str, str, str, int]],
    settings: Settings,
    prompts: Mapping[str, Prompt[PromptFile]],
    lake: Lake,
) -> dict[str, Counter[str]]:
    """Responses of the present prompts and models that a run will ask for, by shard and asset."""
    stored: dict[str, Counter[str]] = {}
    for shard, asset, model, version, count in origins:
        is_ours = model in {one.name for one in resolve_task(settings.model, settings.task(asset))}
        if asset not in prompts or prompts[asset].version != version or not is_ours:
            continue
        # Where a part of the rows is drawn or cut off, a sample asked about others than the whole run will.
        if lake.exists(asset, shard) or not _is_drawn(asset, settings):
            stored.setdefault(shard, Counter())[asset] += count
    return stored


def _is_drawn(asset: str, settings: Settings) -> bool:
    is_cut = settings.task(asset).limit is not None
    is_cut |= asset == "character_profiles" and settings.characters.limit is not None
    return is_cut or asset.startswith(("dialogues", "expanded_personas"))


def _measure_history(
    spending: Sequence[Spending], settings: Settings, lake: Lake, assets: Mapping[str, object]
) -> dict[str, Rates]:
    rates = {}
    for asset in assets:
        model = name_models(settings.model, settings.task(asset))
        infos = [lake.info(asset, shard) for shard in lake.shards(asset)]
        infos = [info for info in infos if info.attributes.get("model") == model]
        asked, rows = sum(info.accounting.planned for info in infos), sum(info.rows for info in infos)
        spent = next((row for row in spending if (row.model, row.asset) == (model, asset)), None)
        if asked and spent and spent.calls:
            rates[asset] = _rate(model, asked, rows, spent)
    return rates


def _rate(model: str, asked: int, rows: int, spent: Spending) -> Rates:
    read, written = spent.prompt_tokens / spent.calls, spent.completion_tokens / spent.calls
    priced = spent.calls - spent.unpriced
    cost = spent.cost / priced if priced else price_tokens(model, round(read), round(written))
    return Rates(rows / asked, spent.calls / asked, read, written, cost, "earlier")


def _agree(console: Console, project: _Project, sample: int, agreed: bool) -> None:
    sizes = {
        shard: replace(size, documents=min(size.documents, sample), personas=min(size.personas, sample), stored={})
        for shard, size in project.sizes.items()
    }
    forecasts = [_price_at_once(one, project.settings) for one in project.forecast(sizes)]
    cost = _write_cost(_sum_cost(forecasts))
    console.print(
        f"A sample of {sample} rows of each of {len(sizes)} shards asks about {sum(f.calls for f in forecasts):,} times"
        f" and costs about {cost}. The answers stay in the ledger.",
        soft_wrap=True,
    )
    if agreed:
        return
    if not sys.stdin.isatty():
        raise SettingsError("--sample: nobody is there to agree to this. Give --yes to buy it.")
    typer.confirm("Buy it?", abort=True)


def _price_at_once(one: AssetForecast, settings: Settings) -> AssetForecast:
    # A sample is asked at once, at list price, also where the whole shard will be asked in batches.
    in_batch = asks_in_batches(settings.batch, settings.task(one.asset))
    return replace(one, cost=one.cost / BATCH_SHARE) if in_batch and one.cost is not None else one


def _add(forecasts: Sequence[AssetForecast]) -> AssetForecast:
    counts = ("tasks", "rows", "calls", "stored", "read", "written")
    sums = {name: sum(getattr(one, name) for one in forecasts) for name in counts}
    return replace(forecasts[0], **sums, cost=_sum_cost(forecasts))


def _sum_cost(forecasts: Sequence[AssetForecast]) -> float | None:
    costs = [forecast.cost for forecast in forecasts if forecast.cost is not None]
    return sum(costs) if len(costs) == len(forecasts) else None


def _measure_thrift(project: _Project, forecasts: Sequence[AssetForecast]) -> float | None:
    calls = asked = 0.0
    for one in forecasts:
        prompt = project.prompts[one.asset].content
        calls += one.calls / (prompt.candidates or 1)
        asked += one.rows * (project.session_turns if one.asset == _BY_TURN else prompt.turns_per_row)
    return calls / asked if asked else None


def _tabulate(forecasts: Sequence[AssetForecast]) -> Table:
    table = make_table("asset", "tasks", "calls", "stored", "read", "written", "cost")
    table.add_column("basis")
    for one in forecasts:
        table.add_row(one.asset, *_write_counts(one), one.basis)
    if forecasts:
        table.add_section()
        table.add_row("in all", *_write_counts(_add(forecasts)), "")
    return table


def _write_counts(one: AssetForecast) -> list[str]:
    numbers = (f"{number:,}" for number in (one.tasks, one.calls, one.stored))
    return [*numbers, shorten_count(one.read), shorten_count(one.written), _write_cost(one.cost)]


def _write_cost(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:,.4f}" if cost < 1 else f"${cost:,.2f}"


def _explain(project: _Project, forecasts: Sequence[AssetForecast]) -> list[str]:
    lines = ["", "Tokens and cost are those of the calls that are not stored."]
    if ratio := _measure_thrift(project, forecasts):
        lines.append(f"{ratio:.2f} calls for each row or turn of a talk asked for, votes aside.")
    assumed = [one.asset for one in forecasts if one.basis == "assumed"]
    if assumed:
        lines.append(
            f"Assumed for {', '.join(assumed)}: every reply makes the rows it is asked for, 4 characters are a token, a"
            " reply takes 512 tokens, or half of its limit where that is less. `--sample 30` measures it."
        )
    cost, budget = _sum_cost(forecasts), project.settings.budget
    for name, limit in (("per_run", budget.per_run), ("total", budget.total)):
        if cost is not None and limit is not None and cost > limit:
            lines.append(f"This is more than budget.{name} = {limit:,.2f}: the run would stop before it is passed.")
    unknown = sorted({one.model for one in forecasts if one.cost is None})
    if unknown:
        lines.append(f"No price is known of {', '.join(unknown)}.")
    return lines
