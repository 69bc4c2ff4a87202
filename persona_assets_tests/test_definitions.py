"""The code location: it loads, quickly and lightly, and its catalogue is the one that is recorded."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from persona_assets.backfills import NO_TABLES
from persona_assets.definitions import build_definitions
from persona_assets.settings import PACKAGE, Settings

CATALOGUE = Path(__file__).with_name("catalogue.json")
HEAVY = ("torch", "litellm", "openvino", "openvino_genai", "qdrant_client", "qdrant_edge", "sentence_transformers")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(Settings.model_construct())


def _describe(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    assets = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "deps": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": sorted(node.owners),
            "partitions": type(node.partitions_def).__name__ if node.partitions_def else None,
            "checks": sorted(check.name for check in node.check_keys),
        }
    jobs = {
        name: sorted(key.to_user_string() for key in definitions.resolve_job_def(name).asset_layer.selected_asset_keys)
        for name in ("instruction_sets", "release", "shard_pipeline")
    }
    return {"assets": assets, "jobs": jobs}


def test_catalogue_is_as_recorded(definitions: dg.Definitions) -> None:
    found = _describe(definitions)
    if os.environ.get("PERSONA_ASSETS_UPDATE"):
        CATALOGUE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(CATALOGUE.read_text(encoding="utf-8")), "CONTRIBUTING.md says how to record a change"


def test_definitions_are_loadable(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_every_dependency_is_an_asset_of_the_project(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert set(graph.get_all_asset_keys()) == set(graph.materializable_asset_keys)


def test_every_asset_is_described(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, key
        assert node.code_version, key
        assert node.owners, key
        assert node.kinds, key
        is_table = key.path[-1] not in NO_TABLES
        assert not is_table or "dagster/column_schema" in node.metadata, key


def test_nothing_that_costs_money_starts_by_itself(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(key).automation_condition is None for key in graph.materializable_asset_keys)
    schedules = [definitions.resolve_schedule_def(schedule.name) for schedule in definitions.schedules or ()]
    assert schedules
    assert all(schedule.default_status == dg.DefaultScheduleStatus.STOPPED for schedule in schedules)


def _validate(module: str, folder: Path) -> float:
    """Processor seconds of `dagster definitions validate`; the least of two, since other work only adds."""

    def measure() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", module]
        subprocess.run(command, cwd=folder, env={**os.environ, "DAGSTER_HOME": ""}, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(measure(), measure())


def test_location_validates_and_loads_in_twice_the_time_of_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "empty_location.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n", encoding="utf-8")
    assert _validate("persona_assets.definitions", PACKAGE.parent) <= 2 * _validate("empty_location", tmp_path)


def test_location_loads_no_library_of_models() -> None:
    code = f"import sys, persona_assets.definitions; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_packaged_sample_is_the_default_corpus() -> None:
    assert Settings.model_construct().corpus.path == PACKAGE / "sample" / "documents"
