"""What an edited prompt file makes stale: what is made from it, and nothing else."""

from persona_assets.definitions import build_definitions
from persona_assets.settings import Settings

FILES = {
    "seed_personas.yaml": "seed_personas",
    "expanded_personas.yaml": "expanded_personas",
    "character_profiles.yaml": "character_profiles",
    "dialogues_r.yaml": "dialogues_r",
    # Its system text stands in every role-play example.
    "dialogues_g.yaml": "dialogues_g sft_mix",
    "recipes/math.yaml": "math_problems",
    "recipes/math_solutions.yaml": "math_solutions",
}


def read_versions(settings: Settings) -> dict[str, str | None]:
    graph = build_definitions(settings).resolve_asset_graph()
    return {node.key.path[-1]: node.code_version for node in graph.asset_nodes}


def test_every_asset_has_a_code_version(empty: Settings) -> None:
    versions = read_versions(empty)
    assert versions.keys() > set(" ".join(FILES.values()).split())
    assert all(versions.values())


def test_an_edited_prompt_changes_its_own_asset_alone(empty: Settings) -> None:
    versions = read_versions(empty)
    for name, assets in FILES.items():
        with (empty.prompts / name).open("a") as file:
            file.write("# edited\n")
        now = read_versions(empty)
        assert {key for key in now if now[key] != versions[key]} == set(assets.split())
        versions = now


def test_a_changed_or_added_mix_changes_the_release_alone(empty: Settings) -> None:
    folder = empty.prompts / "mixes"
    versions = read_versions(empty)
    mix = (folder / "default.yaml").read_text()
    for name, text in {"default.yaml": f"{mix}\nseed: 99\n", "second.yaml": mix}.items():
        (folder / name).write_text(text)
        now = read_versions(empty)
        assert {key for key in now if now[key] != versions[key]} == {"sft_dataset"}
        versions = now
