"""The UI in a real browser: the graph, an asset, a backfill started there, and a failed check."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persona_assets.lake import Lake
from persona_assets_tests.services import Services, run_services, wait_for
from persona_assets_tests.test_services import ADD, REPOSITORY, launch, list_runs, status, write_project

pytestmark = pytest.mark.long
sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
IMAGES = Path(__file__).parent.parent / "docs" / "images"
ALL = (
    "web_text", "seed_personas", "expanded_personas", "persona_hub", "hub_duplicates", "character_profiles",
    "dialogues_r", "dialogues_g", "math_problems", "math_solutions", "sft_mix",
)  # fmt: skip


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("browser")
    settings = write_project(folder, 3)
    with run_services(folder, settings) as running:
        selection = ("source_instructions",)
        running.ask(
            "mutation ($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }",
            p={
                "selector": {
                    "repositoryName": "__repository__",
                    "repositoryLocationName": "persona_assets",
                    "pipelineName": "instruction_sets",
                },
                "mode": "default",
            },
        )
        wait_for(lambda: any(run["status"] == "SUCCESS" for run in list_runs(running)), f"{selection}")
        backfill = launch(running, ["shard-0000"], ALL)
        wait_for(lambda: status(running, backfill).startswith("COMPLETED"), "the first shard", 240)
        yield running


@pytest.fixture
def page(services: Services) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def take_picture(page: Any, name: str) -> None:
    """Into the docs where that is asked for: pictures change with every version of a font."""
    if os.environ.get("PERSONA_ASSETS_UPDATE"):
        page.screenshot(path=str(IMAGES / f"{name}.png"))


def test_the_graph_shows_every_group(page: Any, services: Services) -> None:
    page.goto(f"{services.url}/asset-groups")
    for group in ("corpus", "personas", "characters", "recipes", "sft", "training"):
        page.get_by_text(group, exact=True).first.wait_for()


def test_an_asset_shows_its_preview_plots_and_checks(page: Any, services: Services) -> None:
    page.goto(f"{services.url}/assets/persona_hub?view=partitions&partition=shard-0000")
    page.get_by_text("shard-0000").first.wait_for()
    page.get_by_text("preview", exact=True).first.wait_for()
    page.get_by_text("accounting", exact=True).first.wait_for()
    take_picture(page, "materialisation")
    page.goto(f"{services.url}/assets/persona_hub?view=checks")
    page.get_by_text("no_near_duplicates").first.wait_for()


def test_a_backfill_of_two_shards_is_started_and_finishes(page: Any, services: Services) -> None:
    for key in ("shard-0001", "shard-0002"):
        services.ask(ADD, key=key, repository=REPOSITORY)
    page.goto(f"{services.url}/locations/persona_assets/jobs/shard_pipeline")
    page.get_by_role("button", name="Materialize all…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.wait_for_timeout(1_000)
    dialog.get_by_role("button", name="Missing", exact=True).click()
    dialog.get_by_text("2 partitions").wait_for()
    take_picture(page, "backfill")
    dialog.get_by_role("button", name="Launch").first.click()
    wait_for(lambda: len([run for run in list_runs(services) if run["status"] == "SUCCESS"]) >= 4, "two shards", 300)
    page.goto(f"{services.url}/runs")
    page.get_by_text("2 partitions").first.wait_for()
    page.get_by_text("Started", exact=True).first.wait_for(state="hidden", timeout=180_000)
    assert page.get_by_text("Success", exact=True).count() >= 3


def test_a_failed_check_says_what_is_wrong(page: Any, services: Services) -> None:
    import polars as pl
    import pyarrow.parquet as pq

    lake = Lake(services.logs / "data" / "lake")
    path = Path(lake.path("seed_personas", "shard-0000"))
    facts = (pq.read_metadata(path).metadata or {})[b"persona_assets"].decode()
    table = pl.read_parquet(path)
    pl.concat([table, table]).write_parquet(path, metadata={"persona_assets": facts})
    services.ask(
        "mutation ($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename } }",
        p={
            "selector": {
                "repositoryName": "__repository__",
                "repositoryLocationName": "persona_assets",
                "pipelineName": "asset_checks",
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "shard-0000"}]},
        },
    )
    wait_for(lambda: any(run["status"] == "FAILURE" for run in list_runs(services)), "the checks", 120)
    page.goto(f"{services.url}/assets/seed_personas?view=checks&checkDetail=schema")
    page.get_by_text("schema").first.wait_for()
    page.get_by_text("Failed").or_(page.get_by_text("ids occur more than once")).first.wait_for()
    take_picture(page, "failed_check")
