"""Partitioned asset checks from plain functions: one step an asset, and blocking where rows would be wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from persona_assets.checks.answers import check_structured_output
from persona_assets.checks.characters import check_balance
from persona_assets.checks.hub import check_no_near_duplicates, check_violations
from persona_assets.checks.quality import check_quality
from persona_assets.checks.tables import (
    Finding,
    TableCheck,
    check_accounting,
    check_last_turn,
    check_links,
    check_not_empty,
    check_schema,
    check_unique_ids,
    check_user_turns,
)
from persona_assets.partitions import corpus_shard
from persona_assets.recipes.recipe import Recipe
from persona_assets.records import SCHEMAS
from persona_assets.resources import Project
from persona_assets.tables import WHOLE

ProjectCheck = Callable[[Project, str], Finding]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check of one asset, and whether what fails it stops the run."""

    name: str
    run: ProjectCheck
    blocking: bool = True


_DESCRIPTIONS = {
    "accounting": "Every task and every item is a row or has a reason, and the file has as many rows as the account.",
    "balanced": "No name, country or gender is had by more of the characters than [quality] allows. Its failure"
    " stops nothing.",
    "characters_exist": "Every dialogue is one of a character of character_profiles.",
    "documents_exist": "Every persona's document is a row of web_text.",
    "ends_with_answer": "The last message of every example is the assistant's, and no message is empty.",
    "instructions_exist": "Every dialogue starts from a row of source_instructions, or of the shard's instructions.",
    "no_near_duplicates": "No two personas of the hub are at or above a threshold of the deduplication rule.",
    "not_empty": "There are rows, or a reason why there can be none. Its failure stops nothing.",
    "parents_exist": "Every parent is a row of seed_personas or expanded_personas.",
    "personas_exist": "Every persona is a row of persona_hub.",
    "quality": "Enough replies are valid, and the rows are different and each of its own persona, by [quality]. Its"
    " failure stops nothing.",
    "schema": "Columns and types are those of the record, and every row keeps its rules.",
    "structured_output": "JSON was asked for as `model.structured_output` says, and at most a tenth of the answers is"
    " malformed. Its failure stops nothing.",
    "source_exists": "Every row was made from a row of the recipe that it reads.",
    "unique_ids": "No id occurs twice.",
    "violations_rare": "At most one in 10,000 kept personas is one that an approximate search should have found to be a"
    " duplicate.",
    "user_turns_kept": "The user's turns of every dialogue are those of its instruction, to the letter.",
}
_STRUCTURED = {"seed_personas", "expanded_personas", "character_profiles", "dialogues_r"}
"""Assets that ask a model for JSON; of the recipes, those that say so."""
_LINKS: Mapping[str, Sequence[tuple[str, str, Mapping[str, str]]]] = {
    "seed_personas": [("documents_exist", "doc_id", {"web_text": "doc_id"})],
    "expanded_personas": [
        (
            "parents_exist",
            "parent_id",
            {"seed_personas": "persona_id", "expanded_personas": "persona_id"},
        )
    ],
    "persona_hub": [
        (
            "parents_exist",
            "parent_id",
            {"seed_personas": "persona_id", "expanded_personas": "persona_id"},
        )
    ],
    "character_profiles": [("personas_exist", "persona_id", {"persona_hub": "persona_id"})],
    "dialogues_r": [
        ("characters_exist", "character_id", {"character_profiles": "character_id"}),
        ("instructions_exist", "instruction_id", {"source_instructions": "instruction_id"}),
    ],
    "dialogues_g": [
        ("characters_exist", "character_id", {"character_profiles": "character_id"}),
        ("instructions_exist", "instruction_id", {"source_instructions": "instruction_id", "instructions": "item_id"}),
    ],
    "sft_mix": [("personas_exist", "persona_id", {"persona_hub": "persona_id"})],
}


def build_checks(recipes: Sequence[Recipe]) -> list[dg.AssetChecksDefinition]:
    """Build the checks of every table of the lake."""
    specs = {asset: _list_checks(asset) for asset in SCHEMAS}
    for recipe in recipes:
        specs[recipe.content.asset] = _list_recipe_checks(recipe)
    return [_build(asset, checks) for asset, checks in specs.items()]


def _list_checks(asset: str) -> list[CheckSpec]:
    schema = SCHEMAS[asset]
    checks = [
        *_list_common(asset),
        CheckSpec("schema", _bind(check_schema(asset, schema))),
        CheckSpec("unique_ids", _bind(check_unique_ids(asset, schema.primary_key()[0]))),
    ]
    for name, column, targets in _LINKS.get(asset, ()):
        checks.append(CheckSpec(name, _bind(check_links(asset, column, targets))))
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
    checks = [
        *_list_common(asset),
        CheckSpec("schema", _bind(check_schema(asset, recipe.content.schema_class()))),
        CheckSpec("unique_ids", _bind(check_unique_ids(asset, "item_id"))),
        CheckSpec("personas_exist", _bind(check_links(asset, "persona_id", {"persona_hub": "persona_id"}))),
    ]
    if source != "persona_hub":
        checks.append(CheckSpec("source_exists", _bind(check_links(asset, "source_item_id", {source: "item_id"}))))
    if recipe.content.answer == "json":
        checks.append(_check_answers(asset))
    # Not blocking: each row passed; it is the set that wants looking at.
    checks.append(CheckSpec("quality", check_quality(recipe.content), blocking=False))
    return checks


def _list_common(asset: str) -> list[CheckSpec]:
    may_be_empty = {"hub_duplicates"}
    checks = [CheckSpec("accounting", _bind(check_accounting(asset)))]
    if asset not in may_be_empty:
        # Not blocking: a shard may yield nothing of one kind and still be of use for the others.
        checks.append(CheckSpec("not_empty", _bind(check_not_empty(asset)), blocking=False))
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
                severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
                description=finding.problem,
                metadata=dict(finding.facts),
            )

    return run_checks
