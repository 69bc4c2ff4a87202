"""Partitioned asset checks from plain functions: one step an asset, and blocking where rows would be wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import dataframely as dy

from persona_assets.checks.hub import check_no_near_duplicates, check_violations
from persona_assets.checks.sets import check_balance, check_quality, check_structured_output
from persona_assets.checks.tables import (
    Finding,
    TableCheck,
    check_accounting,
    check_last_turn,
    check_origins,
    check_schema,
    check_user_turns,
)
from persona_assets.partitions import corpus_shard
from persona_assets.recipes.recipe import Recipe
from persona_assets.records import SCHEMAS
from persona_assets.resources import Project
from persona_assets.tables import WHOLE

_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

ProjectCheck = Callable[[Project, str], Finding]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check of one asset, and whether what fails it stops the run."""

    name: str
    run: ProjectCheck
    blocking: bool = True


_DESCRIPTIONS = {
    "accounting": "Every task and every item is a row or has a reason, and the file has as many rows as the account. A"
    " table without rows is a warning, which stops nothing.",
    "balanced": "No name, country or gender is had by more of the characters than [quality] allows. Its failure"
    " stops nothing.",
    "ends_with_answer": "The last message of every example is the assistant's, and no message is empty.",
    "no_near_duplicates": "No two personas of the hub are at or above a threshold of the deduplication rule.",
    "origins": "The documents, personas, characters, instructions and rows that the rows were made from are all there.",
    "quality": "Enough replies are valid, and the rows are different and each of its own persona, by [quality]. Its"
    " failure stops nothing.",
    "schema": "Columns and types are those of the record, every row keeps its rules, and no id occurs twice.",
    "structured_output": "JSON was asked for as `model.structured_output` says, and at most a tenth of the answers is"
    " malformed. Its failure stops nothing.",
    "violations_rare": "At most one in 10,000 kept personas is one that an approximate search should have found to be a"
    " duplicate.",
    "user_turns_kept": "The user's turns of every dialogue are those of its instruction, to the letter.",
}
_STRUCTURED = {"seed_personas", "expanded_personas", "character_profiles", "dialogues_r"}
"""Assets that ask a model for JSON; of the recipes, those that say so."""
_PARENTS = {"parent_id": {"seed_personas": "persona_id", "expanded_personas": "persona_id"}}
_PERSONAS = {"persona_id": {"persona_hub": "persona_id"}}
_CHARACTERS = {"character_id": {"character_profiles": "character_id"}}
_ORIGINS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "seed_personas": {"doc_id": {"web_text": "doc_id"}},
    "expanded_personas": _PARENTS,
    "persona_hub": _PARENTS,
    "character_profiles": _PERSONAS,
    "dialogues_r": {**_CHARACTERS, "instruction_id": {"source_instructions": "instruction_id"}},
    "dialogues_g": {
        **_CHARACTERS,
        "instruction_id": {"source_instructions": "instruction_id", "instructions": "item_id"},
    },
    "sft_mix": _PERSONAS,
}
_MAY_BE_EMPTY = {"hub_duplicates"}


def build_checks(recipes: Sequence[Recipe]) -> list[dg.AssetChecksDefinition]:
    """Build the checks of every table of the lake."""
    specs = {asset: _list_checks(asset) for asset in SCHEMAS}
    for recipe in recipes:
        specs[recipe.content.asset] = _list_recipe_checks(recipe)
    return [_build(asset, checks) for asset, checks in specs.items()]


def _list_checks(asset: str) -> list[CheckSpec]:
    checks = _list_common(asset, SCHEMAS[asset], _ORIGINS.get(asset, {}))
    if asset.startswith("dialogues_"):
        checks.append(CheckSpec("user_turns_kept", _bind(check_user_turns(asset))))
    if asset in _STRUCTURED:
        checks.append(_check_answers(asset))
    if asset == "character_profiles":
        checks.append(CheckSpec("balanced", check_balance, blocking=False))
    if asset == "persona_hub":
        checks.append(CheckSpec("no_near_duplicates", check_no_near_duplicates))
        checks.append(CheckSpec("violations_rare", check_violations))
    if asset == "sft_mix":
        checks.append(CheckSpec("ends_with_answer", _bind(check_last_turn(asset))))
    return checks


def _list_recipe_checks(recipe: Recipe) -> list[CheckSpec]:
    asset, source = recipe.content.asset, recipe.content.reads
    origins = _PERSONAS if source == "persona_hub" else {**_PERSONAS, "source_item_id": {source: "item_id"}}
    checks = _list_common(asset, recipe.content.schema_class(), origins)
    if recipe.content.answer == "json":
        checks.append(_check_answers(asset))
    # Not blocking: each row passed; it is the set that wants looking at.
    checks.append(CheckSpec("quality", check_quality(recipe.content), blocking=False))
    return checks


def _list_common(asset: str, schema: type[dy.Schema], origins: Mapping[str, Mapping[str, str]]) -> list[CheckSpec]:
    checks = [
        CheckSpec("accounting", _bind(check_accounting(asset, asset in _MAY_BE_EMPTY))),
        CheckSpec("schema", _bind(check_schema(asset, schema))),
    ]
    if origins:
        checks.append(CheckSpec("origins", _bind(check_origins(asset, origins))))
    return checks


def _check_answers(asset: str) -> CheckSpec:
    # Not blocking: the rows that there are were read and judged; it is the model that wants looking after.
    return CheckSpec("structured_output", check_structured_output(asset), blocking=False)


def _bind(check: TableCheck) -> ProjectCheck:
    return lambda project, shard: check(project.lake, shard)


def _build(asset: str, checks: Sequence[CheckSpec]) -> dg.AssetChecksDefinition:
    partitions = None if asset == "source_instructions" else corpus_shard

    @dg.multi_asset_check(
        name=f"check_{asset}",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=asset,
                blocking=check.blocking,
                partitions_def=partitions,
                description=_DESCRIPTIONS[check.name],
            )
            for check in checks
        ],
    )
    def run_checks(
        context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
    ) -> Iterator[dg.AssetCheckResult]:
        shard = context.partition_key if partitions else WHOLE
        for check in checks:
            finding = check.run(project, shard)
            yield dg.AssetCheckResult(
                passed=finding.problem is None,
                asset_key=asset,
                check_name=check.name,
                severity=_ERROR if check.blocking and finding.stops else _WARN,
                description=finding.problem,
                metadata=dict(finding.facts),
            )

    return run_checks
