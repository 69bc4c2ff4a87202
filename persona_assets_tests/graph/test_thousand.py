"""Every recipe at a thousand personas, with the scripted model: it ends, and every row is accounted for."""

import json
import random
import shutil
from pathlib import Path

import pytest

from persona_assets.lake import Lake
from persona_assets_tests.graph.runs import (
    SHARD,
    TRAINED_RECIPES,
    list_failed_checks,
    list_failures,
    make_settings,
    materialise_chain,
)
from persona_assets_tests.scripted_words import draw_persona


@pytest.mark.long
def test_every_recipe_at_a_thousand_personas(sources: Path, tmp_path: Path) -> None:
    shutil.copytree(sources, tmp_path, dirs_exist_ok=True)
    personas = sorted({draw_persona(random.Random(number)) for number in range(1_400)})[:1_000]
    lines = [json.dumps({"persona": persona}) for persona in personas]
    for path in (tmp_path / "corpus").iterdir():
        path.unlink()
    (tmp_path / "corpus" / f"{SHARD}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = make_settings(tmp_path, expansion={"rounds": 0}, characters={"limit": 5})
    chain = materialise_chain(settings)
    assert list_failures(*chain.results) == {}
    lake = Lake(settings.data / "lake")
    yields = {asset: lake.info(asset, SHARD).rows for asset in ("persona_hub", *TRAINED_RECIPES)}
    print(yields)
    assert yields["persona_hub"] > 500
    assert all(rows > yields["persona_hub"] / 3 for rows in yields.values()), yields
    assert {name for _, name in list_failed_checks(*chain.results)} <= {"accounting", "quality"}
