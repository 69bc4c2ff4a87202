"""The UI's server, in this process: it loads the code location, and shows what a materialisation recorded."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from persona_assets.settings import Settings
from persona_assets_tests.graph.runs import SHARD, list_failures, materialise_shard

HOSTILE = "<img src=x onerror=alert(1)> ![pixel](http://example.org/p.png) | **bold** `code`. "
DOCUMENT = HOSTILE + "The gardener of the castle counts his roses before the visitors come. " * 5
QUERY = """
query($shard: String!) {
  assetNodes {
    assetKey { path }
    description
    assetMaterializations(partitions: [$shard], limit: 1) {
      metadataEntries { label ... on MarkdownMetadataEntry { mdStr } ... on IntMetadataEntry { intValue } }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """What asks the server, without a socket."""

    app: Any

    def read(self, method: str, path: str, body: Any = None) -> Any:
        async def send() -> Any:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ui") as client:
                return (await client.request(method, path, json=body)).raise_for_status().json()

        return asyncio.run(send())

    def list_assets(self) -> dict[str, dict[str, Any]]:
        reply = self.read("POST", "/graphql", {"query": QUERY, "variables": {"shard": SHARD}})
        return {node["assetKey"]["path"][-1]: node for node in reply["data"]["assetNodes"]}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def browser(empty: Settings, instance: dg.DagsterInstance) -> Iterator[Browser]:
    corpus = empty.corpus.path / f"{SHARD}.jsonl"
    corpus.write_text(json.dumps({"text": DOCUMENT}) + "\n", encoding="utf-8")
    assert list_failures(materialise_shard(empty, SHARD, "web_text", instance=instance)) == {}
    module = LoadableTargetOrigin(executable_path=sys.executable, module_name="persona_assets.definitions")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="persona_assets"))
    with WorkspaceProcessContext(instance, target) as context:
        yield Browser(create_app_from_workspace_process_context(context))


def test_ui_shows_the_catalogue_and_a_materialisation(browser: Browser) -> None:
    assert browser.read("GET", "/server_info")["dagster_version"] == dg.__version__
    nodes = browser.list_assets()
    assert {"web_text", "persona_hub", "dialogues_r", "math_problems", "sft_dataset"} <= set(nodes)
    assert all(node["description"] for node in nodes.values())

    (materialisation,) = nodes["web_text"]["assetMaterializations"]
    entries = {entry["label"]: entry for entry in materialisation["metadataEntries"]}
    assert entries["dagster/partition_row_count"]["intValue"] == 1
    assert {"planned", "answered", "refused", "parsed", "dropped", "quarantined", "path"} <= set(entries)
    assert "| rows | 1 | |" in entries["accounting"]["mdStr"]
    preview = entries["preview"]["mdStr"]
    assert r"\<img src=x onerror=alert(1)\> !\[pixel\](http://example.org/p.png) \| \*\*bold\*\* \`code\`" in preview
    assert len(preview) < 1000, "longer Markdown is hidden behind a click"
