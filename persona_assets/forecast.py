"""What a shard will ask of its models: tasks, calls, tokens and cost of each asset, from rates and sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from persona_assets.characters.sessions import count_dialogues
from persona_assets.llm.asker import count_candidates
from persona_assets.llm.client import asks_in_batches, name_models, resolve_task
from persona_assets.llm.cost_bound import price_tokens
from persona_assets.prompts import PromptFile
from persona_assets.recipes.recipe import Recipe
from persona_assets.settings import Settings

Basis = Literal["sample", "earlier", "assumed"]

_CHARS_A_TOKEN = 4
_WRITTEN = 512
"""Tokens that a reply takes where nothing is known, or half of its limit where that is less."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What becomes of one task of an asset.

    Attributes:
        rows: rows a task.
        calls: requests a task: candidates, turns, what is asked again.
        read: tokens read a request.
        written: tokens written a request.
        cost: US dollars a request; None where the price is unknown.
        basis: where this is known from.
    """

    rows: float
    calls: float
    read: float
    written: float
    cost: float | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class ShardSize:
    """What is known of a shard before a model is asked.

    Attributes:
        personas: rows of a persona file, which enters without a model.
        instructions: instruction sets, and those of them that have answers.
        stored: responses that the ledger holds for it, by asset.
    """

    documents: int
    personas: int
    instructions: tuple[int, int]
    stored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssetForecast:
    """What one asset of a shard will ask.

    Attributes:
        tasks: documents, personas, sessions or rows that are asked about.
        stored: requests that the ledger answers.
        read: tokens read by requests that are sent.
        written: tokens written by them.
        cost: US dollars of them; None where the price is unknown.
        basis: where the rates are known from.
    """

    asset: str
    model: str
    tasks: int
    rows: int
    calls: int
    stored: int
    read: int
    written: int
    cost: float | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class Flow:
    """How rows go from asset to asset, beside the rates.

    Attributes:
        new: share of a round's rows that the next round expands.
        kept: share of the personas that the hub keeps.
    """

    new: float = 1.0
    kept: float = 1.0


def assume_rates(prompt: PromptFile, settings: Settings, asset: str, input_chars: int) -> Rates:
    """Rates where nothing was measured: every reply makes the rows it is asked for, in 512 tokens at most.

    Args:
        input_chars: characters of the row that is asked about.
    """
    task = settings.task(asset)
    text = len(prompt.system) + len(prompt.user) + input_chars
    shown = prompt.demonstrations[: prompt.shown_per_row]
    text += sum(len(str(one.values)) + len(one.answer_text()) for one in shown)
    read = text / _CHARS_A_TOKEN
    limit = task.max_tokens or settings.defaults.max_tokens or prompt.max_tokens
    written = min(_WRITTEN, limit / 2) if limit else _WRITTEN
    in_batch = asks_in_batches(settings.batch, task)
    # Several models draw in turn, so a call costs their mean.
    prices = [
        price_tokens(model.name, round(read), round(written), in_batch) for model in resolve_task(settings.model, task)
    ]
    known = [price for price in prices if price is not None]
    cost = sum(known) / len(known) if len(known) == len(prices) else None
    votes = count_candidates(task, prompt, settings.defaults)
    rows = {"seed_personas": settings.seed_personas.per_document, "expanded_personas": settings.expansion.relatives}
    return Rates(rows.get(asset, 1), votes * prompt.turns_per_row, read, written, cost, "assumed")


def forecast_shard(
    size: ShardSize, rates: Mapping[str, Rates], flow: Flow, recipes: Sequence[Recipe], settings: Settings
) -> list[AssetForecast]:
    """Forecast the model-backed assets of a shard, in the order in which they are made.

    Args:
        recipes: of the project, those first that others read.
    """
    forecasts: list[AssetForecast] = []

    def add(asset: str, tasks: float) -> float:
        forecasts.append(_forecast(asset, tasks, rates[asset], size, settings))
        return tasks * rates[asset].rows

    seeds = float(size.personas)
    if size.documents:
        seeds = add("seed_personas", _cut(size.documents, None, settings, "seed_personas"))
    expanded = add("expanded_personas", _count_expansions(seeds, rates["expanded_personas"].rows, flow.new, settings))
    hub = (seeds + expanded) * flow.kept
    characters = add("character_profiles", _cut(hub, settings.characters.limit, settings, "character_profiles"))
    made = {"persona_hub": hub}
    for recipe in recipes:
        asset, source = recipe.content.asset, made[recipe.content.reads]
        made[asset] = add(asset, _cut(source, None, settings, asset) * recipe.content.per_row)
    everything, answered = size.instructions
    own = round(made.get("instructions", 0.0))
    for asset, usable, asked in (("dialogues_r", answered, 0), ("dialogues_g", everything, own)):
        dialogues = count_dialogues(round(characters), usable, settings.dialogues, asked)
        add(asset, _cut(dialogues, None, settings, asset))
    return forecasts


def _forecast(asset: str, tasks: float, rates: Rates, size: ShardSize, settings: Settings) -> AssetForecast:
    calls = round(tasks * rates.calls)
    stored = min(calls, size.stored.get(asset, 0))
    sent = calls - stored
    return AssetForecast(
        asset,
        name_models(settings.model, settings.task(asset)),
        round(tasks),
        round(tasks * rates.rows),
        calls,
        stored,
        round(sent * rates.read),
        round(sent * rates.written),
        None if rates.cost is None and sent else sent * (rates.cost or 0.0),
        rates.basis,
    )


def _count_expansions(seeds: float, rows: float, new: float, settings: Settings) -> float:
    expansion = settings.expansion
    frontier, tasks = _cut(seeds, None, settings, "expanded_personas"), 0.0
    most = expansion.max_frontier or frontier
    for _ in range(expansion.rounds):
        asked = min(frontier, most)
        tasks += asked
        frontier = asked * rows * new
    return tasks


def _cut(rows: float, limit: int | None, settings: Settings, asset: str) -> float:
    limits = [each for each in (limit, settings.task(asset).limit) if each is not None]
    return min(rows, *limits) if limits else rows
