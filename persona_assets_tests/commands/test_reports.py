"""shards, status and trace: what the commands say of a lake."""

import os
import time
from pathlib import Path

import polars as pl
import pytest

from persona_assets_tests.commands.conftest import DOCUMENTS, Call, SmallProject


def test_shards_lists_the_corpus(project: SmallProject, call: Call) -> None:
    called = call("shards")
    assert called.code == 0, called.err
    rows = {line.split()[0]: line.split() for line in called.out.splitlines() if line}
    assert rows["one"][1:] == ["text", "one.jsonl", "all", "yes", "11", "of", "11"]
    assert rows["two"][1] == "persona"
    assert "notes.xyz (unknown format" in called.out


def test_shards_registers_what_is_new_and_names_what_is_gone(project: SmallProject, call: Call) -> None:
    (project.folder / "corpus" / "one.jsonl").rename(project.folder / "corpus" / "three.jsonl")
    assert "three  text     three.jsonl  all   no" in call("shards").out
    called = call("shards", "--register")
    assert "Registered now: 1." in called.out
    assert "in the corpus no more: one" in called.out
    assert "three  text     three.jsonl  all   yes" in call("shards").out


def test_missing_corpus_is_one_paragraph(project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__PATH", "nowhere")
    called = call("shards")
    assert called.code == 1
    assert called.err.startswith("Error: corpus.path: nowhere does not exist")


def test_fresh_lake_has_nothing_stale(project: SmallProject, call: Call) -> None:
    called = call("status")
    assert called.code == 0, called.err
    assert f"● web_text{DOCUMENTS:>20} rows" in called.out
    # The legend alone has the mark of a stale table.
    assert called.out.count("▲") == 1
    _assert_narrow(called.out)


def test_changed_file_makes_what_follows_stale(project: SmallProject, call: Call) -> None:
    later = time.time() + 10
    os.utime(project.folder / "corpus" / "one.jsonl", (later, later))
    out = call("status", "--shard", "one").out
    assert "▲ web_text" in out
    assert "one.jsonl changed since" in out
    assert "web_text stale" in out
    _assert_narrow(out)


def test_edited_prompt_makes_its_asset_stale(project: SmallProject, call: Call) -> None:
    prompt = project.folder / "prompts" / "recipes" / "math.yaml"
    prompt.write_text(prompt.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    lines = {
        line.split()[1]: line for line in call("status", "--shard", "one").out.splitlines() if line[:1] in {"●", "▲"}
    }
    assert lines["math_problems"].endswith("prompt changed")
    assert lines["math_solutions"].endswith("math_problems stale")
    assert lines["character_profiles"].startswith("●")


_COSINE, _EMBEDDING = "hub.cosine was 0.9, now 0.8", "embedding.model was all-MiniLM-L6-v2, now other"
_MODEL = "model was scripted/plain, now openai/x"
_HUB = ("expanded_personas", "persona_hub", "hub_duplicates")
_MODEL_BACKED = ("character_profiles", "dialogues_r", "dialogues_g", "math_problems", "math_solutions")
_ASKED = ("seed_personas", "expanded_personas", *_MODEL_BACKED)


@pytest.mark.parametrize(
    ("variable", "value", "reasons"),
    [
        ("CORPUS__MIN_CHARS", "150", {"web_text": "corpus.min_chars was 200, now 150"}),
        ("CORPUS__MIN_SENTENCES", "0.2", {"web_text": "corpus.min_sentences was 0.5, now 0.2"}),
        ("CORPUS__LANGUAGES", '["en"]', {"web_text": "corpus.languages was none, now en"}),
        (
            "SEED_PERSONAS__RELATIONS",
            '["like", "read"]',
            {"seed_personas": "seed_personas.relations was read, write, like, dislike, now like, read"},
        ),
        ("EXPANSION__RELATIVES", "5", {"expanded_personas": "expansion.relatives was 2, now 5"}),
        ("HUB__EXCLUDE_FLAGS", "[]", dict.fromkeys(_HUB, "hub.exclude_flags was *, now none")),
        ("DEFAULTS__EXCLUDE_FLAGS", "[]", dict.fromkeys(_ASKED, "defaults.exclude_flags was *, now none")),
        ("CHECKS__CONTACT_DATA", "flag", dict.fromkeys(_ASKED, "checks.contact_data was not set, now level flag")),
        ("HUB__COSINE", "0.8", dict.fromkeys(_HUB, _COSINE)),
        ("EMBEDDING__MODEL", "other", dict.fromkeys(_HUB, _EMBEDDING)),
        ("CHARACTERS__LIMIT", "9", {"character_profiles": "characters.limit was 2, now 9"}),
        (
            "TASKS__DIALOGUES_R__CANDIDATES",
            "5",
            {"dialogues_r": "tasks.dialogues_r.candidates was not set, now 5"},
        ),
        ("TASKS__DIALOGUES_G__MODEL", "openai/x", {"dialogues_g": _MODEL}),
        ("MODEL__NAME", "openai/x", dict.fromkeys(("seed_personas", "expanded_personas", *_MODEL_BACKED), _MODEL)),
        ("INSTRUCTIONS__LICENSE", "MIT", {"source_instructions": "instructions.license was unknown, now MIT"}),
        ("MODEL__API_KEY", "sk-hidden", {}),
    ],
)
def test_changed_setting_makes_what_it_decides_stale(
    made_once: Path, call: Call, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reasons: dict[str, str]
) -> None:
    monkeypatch.chdir(made_once)
    monkeypatch.setenv(f"PERSONA_ASSETS__{variable}", value)
    called = call("status", "--shard", "one")
    assert called.code == 0, called.err
    stale = _read_stale(called.out)
    # What only reads something stale says that alone.
    assert {name: text.partition(";")[0] for name, text in stale.items() if " was " in text} == reasons
    assert bool(stale) == bool(reasons)
    assert "hidden" not in called.out


def test_shard_of_personas_depends_on_no_setting_of_the_model(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__SEED_PERSONAS__GRANULARITY", "coarse")
    monkeypatch.setenv("PERSONA_ASSETS__MODEL__NAME", "openai/x")
    assert {"web_text", "seed_personas"}.isdisjoint(_read_stale(call("status", "--shard", "two").out))


def test_another_part_of_the_file_is_shown(project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__MAX_DOCUMENTS", str(DOCUMENTS - 1))
    stale = _read_stale(call("status", "--shard", "one").out)
    assert stale["web_text"] == "its part of the file is another now"


def test_other_instruction_files_are_shown_and_read(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = project.folder / "own.jsonl"
    own.write_text('{"instruction": "Say when.", "output": "Now."}\n', encoding="utf-8")
    os.utime(own, (1, 1))
    monkeypatch.setenv("PERSONA_ASSETS__INSTRUCTIONS__PATH", str(own))
    assert _read_stale(call("status", "--shard", "one").out)["source_instructions"] == "its files are others now"
    called = call("run", "--shard", "one", "--asset", "web_text")
    assert called.code == 0, called.err
    assert project.lake.scan("source_instructions").collect()["source"].to_list() == ["own.jsonl:1"]


def test_duplicates_of_what_is_gone_are_shown(project: SmallProject, call: Call) -> None:
    duplicates = project.lake.scan("hub_duplicates", "two").collect()
    assert duplicates.height
    path = Path(project.lake.path("persona_hub", "two"))
    facts = pl.read_parquet_metadata(path)["persona_assets"]
    hub = pl.read_parquet(path).filter(~pl.col("persona_id").is_in(duplicates["kept_id"].implode()))
    hub.write_parquet(path, metadata={"persona_assets": facts})
    out = call("status", "--shard", "two").out
    assert "kept_id are in the hub no more" in out


def test_release_behind_its_shards_is_shown(project: SmallProject, call: Call) -> None:
    project.lake.remove("sft_mix", "two")
    out = call("status").out
    assert "1 shards removed: two (no candidates yet)" in " ".join(out.split())


@pytest.mark.parametrize(
    ("table", "readers"),
    [
        ("web_text", {"seed_personas"}),
        ("expanded_personas", {"persona_hub"}),
        ("persona_hub", {"character_profiles", "sft_mix"}),
        ("hub_duplicates", {"sft_mix"}),
        ("sft_mix", set()),
    ],
)
def test_a_damaged_table_is_shown_with_what_was_made_of_it(
    table: str, readers: set[str], project: SmallProject, call: Call
) -> None:
    path = Path(project.lake.path(table, "one"))
    path.write_bytes(path.read_bytes()[:100])
    called = call("status", "--shard", "one")
    assert called.code == 0, called.err
    stale = _read_stale(called.out)
    assert "not a readable Parquet file" in " ".join(called.out.split())
    assert table in stale
    assert {name for name in readers if f"{table} cannot be read" in stale[name]} == readers
    assert "kept_id are in the hub no more" not in called.out


def test_a_damaged_instruction_table_is_shown(project: SmallProject, call: Call) -> None:
    Path(project.lake.path("source_instructions")).write_bytes(b"PAR1")
    called = call("status", "--shard", "one")
    assert called.code == 0, called.err
    assert "source_instructions cannot be read" in _read_stale(called.out)["dialogues_r"]


def test_a_release_whose_candidates_are_damaged_says_so(project: SmallProject, call: Call) -> None:
    Path(project.lake.path("sft_mix", "two")).write_bytes(b"PAR1")
    called = call("status")
    assert called.code == 0, called.err
    assert "1 shards removed: two (candidates cannot be read)" in " ".join(called.out.split())


def test_many_shards_become_an_overview(project: SmallProject, call: Call) -> None:
    (project.folder / "corpus" / "three.jsonl").write_text('{"text": "x"}\n', encoding="utf-8")
    out = call("status").out
    assert "three  ·  ·" in out
    _assert_narrow(out)


def test_trace_goes_from_an_example_home_to_its_document(project: SmallProject, call: Call) -> None:
    examples = project.lake.scan("sft_mix", "one").collect()
    for task, chain in {
        "dialogues_r": ["dialogues_r", "source_instructions", "character_profiles"],
        "math_solutions": ["math_solutions", "math_problems"],
    }.items():
        example = examples.filter(pl.col("task") == task)["example_id"][0]
        called = call("trace", example)
        assert called.code == 0, called.err
        tables = [line.split()[0] for line in called.out.splitlines() if "(shard " in line]
        assert tables[: len(chain) + 1] == ["sft_mix", *chain]
        assert tables[-2:] == ["seed_personas", "web_text"]
        assert "scripted/plain, prompt " in called.out
        assert "cost unknown" in called.out


def test_trace_passes_every_parent(project: SmallProject, call: Call) -> None:
    last = project.lake.scan("expanded_personas", "one").filter(pl.col("round") == 2).collect()
    called = call("trace", last["persona_id"][0])
    tables = [line.split()[0] for line in called.out.splitlines() if "(shard " in line]
    assert tables == ["expanded_personas", "expanded_personas", "seed_personas", "web_text"]


def test_trace_says_what_became_of_a_duplicate(project: SmallProject, call: Call) -> None:
    dropped = project.lake.scan("hub_duplicates", "two").collect()["persona_id"][0]
    assert "dropped by the hub as a duplicate of per_" in call("trace", dropped).out


@pytest.mark.parametrize("row_id", ["sft_00000000000000000000", "nonsense", "itm_0", ""])
def test_unknown_id_is_one_paragraph(project: SmallProject, call: Call, row_id: str) -> None:
    called = call("trace", row_id)
    assert called.code == 1
    assert called.err.startswith(f"Error: {row_id} is in no table of")


def _read_stale(out: str) -> dict[str, str]:
    """The reasons of each stale table, by asset."""
    found: dict[str, str] = {}
    name = ""
    for line in out.splitlines():
        if line.startswith("▲"):
            name = line.split()[1]
            found[name] = line.partition(" rows  ")[2]
        elif line.startswith(" ") and name:
            found[name] += f" {line.strip()}"
        else:
            name = ""
    return found


def _assert_narrow(out: str) -> None:
    wide = [line for line in out.splitlines() if len(line) > 80 and not line.startswith("Data folder")]
    assert not wide
