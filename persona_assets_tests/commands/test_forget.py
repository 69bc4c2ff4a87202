"""Forgetting: a document or persona gone from every place, the rest as it was, and kept out afterwards."""

import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.dedup.established import make_spec
from persona_assets.descendants import find_descendants
from persona_assets.embedding.cache import make_encoder
from persona_assets.forgetting import plan_to_forget
from persona_assets.index.open import open_index
from persona_assets.lake import Lake
from persona_assets.resources import Project
from persona_assets.settings import PACKAGE, load_settings
from persona_assets.tables import Batch
from persona_assets_tests.commands.conftest import Call, SmallProject

KEPT_BY_HASH = {"tombstones.jsonl"}
SITE = "https://letters.example/"
PARAGRAPH = (
    "The cooper planes each stave of the barrel by hand and counts the rings of the oak before he bends it over the"
    " fire. He learned it from an aunt, who kept a tally of every cask in a ledger of her own. "
)
MENU = "Barrels Casks Tubs Churns Buckets Staves Hoops Bungs Taps Funnels Crozes Adzes Jointers Bellows " * 12


def edit_corpus(project: SmallProject, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Change the documents of the first shard."""
    path = project.folder / "corpus" / "one.jsonl"
    rows = edit([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_corpus(project: SmallProject, call: Call) -> pl.DataFrame:
    """Read the first shard's documents again."""
    called = call("run", "--shard", "one", "--asset", "web_text")
    assert called.code == 0, called.out + called.err
    return project.lake.scan("web_text", "one").collect()


def forget(call: Call, *what: str) -> None:
    called = call("forget", *what, "--yes")
    assert called.code == 0, called.out + called.err


def read_everything(data: Path) -> Iterator[tuple[Path, str]]:
    """Every file of a data folder as text: tables row by row, databases decompressed, and the bytes themselves."""
    for path in sorted(path for path in data.rglob("*") if path.is_file() and path.name not in KEPT_BY_HASH):
        yield path, path.read_bytes().decode("utf-8", "ignore")
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path)
            yield path, json.dumps(rows.to_dicts(), ensure_ascii=False, default=str)
        elif path.suffix in {".db", ".sqlite"}:
            with closing(sqlite3.connect(path)) as connection:
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    for row in connection.execute(f'SELECT * FROM "{name}"'):
                        yield path, " ".join(map(decode, row))


def decode(value: object) -> str:
    if isinstance(value, bytes):
        try:
            # As JSON writes it, and as it reads.
            return json.dumps(json.loads(zlib.decompress(value)), ensure_ascii=False)
        except (zlib.error, ValueError):
            return ""
    return str(value)


def find_left(data: Path, needles: list[str]) -> set[tuple[str, str]]:
    return {
        (str(path.relative_to(data)), needle)
        for path, text in read_everything(data)
        for needle in needles
        if needle in text
    }


def list_points(project: SmallProject) -> set[str]:
    settings = load_settings()
    encoder = make_encoder(settings)
    names = [f"{info['shard']}/{info['generation']}" for info in read_contributions(project)]
    with open_index(settings, make_spec(encoder, settings.hub.jaccard)) as index:
        assert index.count_all() == sum(len(part) for part in index.scan(names))
        return {persona for part in index.scan(names) for persona in part.persona_ids}


def read_contributions(project: SmallProject) -> list[dict[str, str]]:
    lake = project.lake
    return [lake.info("persona_hub", shard).attributes["contribution"] for shard in lake.shards("persona_hub")]


def choose_document(project: SmallProject) -> str:
    """A document from which examples of several kinds were made."""
    rows = project.lake.scan("sft_mix", "one").filter(pl.col("doc_id").is_not_null()).collect()
    return str(rows.group_by("doc_id").agg(pl.col("task").n_unique()).sort("task", "doc_id")["doc_id"][-1])


def refuse_answer(lake: Lake, row_id: str, raw: str) -> None:
    """Add a refused reply to the dialogues of the first shard."""
    old, rows = lake.info("dialogues_g", "one"), lake.scan("dialogues_g", "one").collect()
    refused = lake.scan_quarantine("dialogues_g", "one").collect()
    more = {"row_id": row_id, "reason": "truncated", "detail": "", "raw": raw, "response_key": "00"}
    account = Accounting.from_dict(old.accounting.to_dict())
    account.parsed += 1
    account.quarantined["truncated"] += 1
    batch = Batch(rows, pl.concat([refused, pl.DataFrame([more], schema=refused.schema)]), account)
    lake.write("dialogues_g", "one", rows.schema, [batch], **old.attributes)


def test_a_document_goes_before_any_model_was_asked(empty_project: SmallProject, call: Call) -> None:
    documents = read_corpus(empty_project, call)
    forget(call, "--doc", documents["doc_id"][0])
    assert empty_project.lake.scan("web_text", "one").collect().height == documents.height - 1
    assert not (empty_project.data / "ledger.sqlite").exists()


def test_without_yes_nothing_is_changed(project: SmallProject, call: Call) -> None:
    before = {path: path.read_bytes() for path in project.data.rglob("*.parquet")}
    called = call("forget", "--doc", choose_document(project))
    assert called.code == 0, called.err
    assert "Nothing was changed" in called.out
    assert "sft_mix" in called.out
    assert {path: path.read_bytes() for path in project.data.rglob("*.parquet")} == before
    assert not (project.data / "tombstones.jsonl").exists()


def test_a_document_is_gone_from_every_place_and_the_rest_stays(project: SmallProject, call: Call) -> None:
    document = choose_document(project)
    lake = project.lake
    found = find_descendants(lake, [document])
    gone = {row for rows in found for row in rows.ids}
    assert {"web_text", "seed_personas", "persona_hub", "character_profiles", "sft_mix"} <= {one.asset for one in found}
    text = lake.scan("web_text", "one").filter(doc_id=document).collect().row(0, named=True)
    personas = [
        persona
        for table in ("seed_personas", "expanded_personas")
        for persona in lake.scan(table, "one").filter(pl.col("persona_id").is_in(gone)).collect()["persona"]
    ]
    needles = [document, text["text"].splitlines()[0], *personas, *gone]
    assert {needle for _, needle in find_left(project.data, needles)} >= set(needles[: 2 + len(personas)])
    rows = {table: lake.scan(table, "one").collect() for table in ("seed_personas", "dialogues_g", "sft_mix")}
    spent = [line for line in call("ledger").out.splitlines() if line.startswith("Spent")]

    called = call("forget", "--doc", document, "--yes")
    assert called.code == 0, called.out + called.err
    assert "Gone: 1 of web_text" in called.out
    assert find_left(project.data, needles) == set()
    assert not list_points(project) & gone
    for table, old in rows.items():
        new = project.lake.scan(table, "one").collect()
        assert new.to_dicts() == [row for row in old.to_dicts() if next(iter(row.values())) not in gone]
        assert project.lake.info(table, "one").accounting.find_imbalance() is None
    assert [line for line in call("ledger").out.splitlines() if line.startswith("Spent")] == spent

    # Nothing is stale that was not, nothing is asked again, and it does not come back.
    status = call("status").out
    assert "changed" not in status, status
    again = call("run")
    assert again.code == 0, again.out + again.err
    calls = [line for line in again.out.splitlines() if " calls" in line]
    # Of the personas only so many become characters: another takes the place of the one that went.
    kept = [line for line in calls if line.split(":")[0] not in {"character_profiles", "dialogues_r", "dialogues_g"}]
    assert kept
    assert all("rows, 0+" in line for line in kept), calls
    assert find_left(project.data, needles) == set()


def test_the_corpus_own_id_and_a_persona_are_names_too(project: SmallProject, call: Call) -> None:
    lake = project.lake
    source_id = lake.scan("web_text", "one").collect()["source_id"][1]
    called = call("forget", "--doc", source_id, "--yes")
    assert called.code == 0, called.err
    assert source_id not in lake.scan("web_text", "one").collect()["source_id"].to_list()
    nurse = lake.scan("seed_personas", "two").filter(pl.col("persona").str.contains("nurse")).collect()
    called = call("forget", "--persona", nurse["persona_id"][0], "--yes")
    assert called.code == 0, called.err
    assert find_left(project.data, nurse["persona"].to_list()) == set()
    assert call("run", "--shard", "two", "--asset", "seed_personas").code == 0
    assert lake.info("seed_personas", "two").accounting.dropped["forgotten"] == 1
    assert find_left(project.data, nurse["persona"].to_list()) == set()


def test_an_address_that_others_share_keeps_none_of_them_out(project: SmallProject, call: Call) -> None:
    edit_corpus(project, lambda rows: [{**row, "source": SITE} for row in rows])
    rows = read_corpus(project, call)
    assert set(rows["url"]) == {SITE}
    first, *others = rows["source_id"].unique(maintain_order=True)
    forget(call, "--doc", first)
    assert read_corpus(project, call)["source_id"].unique(maintain_order=True).to_list() == others
    # Who names the address means all that lies there, whatever it says next.
    forget(call, "--doc", SITE)
    edit_corpus(project, lambda rows: [{**row, "text": f"{PARAGRAPH * 2}{number}"} for number, row in enumerate(rows)])
    assert read_corpus(project, call).is_empty()


def test_an_address_of_its_own_keeps_a_page_out_that_was_written_anew(project: SmallProject, call: Call) -> None:
    edit_corpus(project, lambda rows: [{**row, "url": f"{SITE}{row['id']}"} for row in rows])
    first, *others = read_corpus(project, call)["source_id"].unique(maintain_order=True)
    forget(call, "--doc", first)
    edit_corpus(project, lambda rows: [{**rows[0], "text": PARAGRAPH * 2}, *rows[1:]])
    assert read_corpus(project, call)["source_id"].unique(maintain_order=True).to_list() == others


def test_a_corpus_that_was_edited_before_costs_no_other_document_its_place(
    project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = project.lake.scan("web_text", "one").collect()
    first, second, *_ = sources = rows["source_id"].unique(maintain_order=True).to_list()
    edit_corpus(project, lambda rows: [{"id": "new", "text": PARAGRAPH * 2}, *rows])
    # At the place where it was read, the first document stands now; it is another line, and of the same words.
    forget(call, "--doc", second)
    # Cut otherwise, its passages have other ids.
    monkeypatch.setenv("PERSONA_ASSETS__CORPUS__MAX_CHARS", "500")
    left = read_corpus(project, call)["source_id"].unique(maintain_order=True).to_list()
    assert left == ["new", first, *(one for one in sources[2:])]


@pytest.mark.parametrize("damaged", ["{\n" * 4, '{"title": "no text"}\n' * 4])
def test_a_corpus_that_cannot_be_read_any_more_keeps_nobody_from_forgetting(
    damaged: str, project: SmallProject, call: Call
) -> None:
    rows = project.lake.scan("web_text", "one").collect()
    path = project.folder / "corpus" / "one.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text(damaged, encoding="utf-8")
    forget(call, "--doc", rows["doc_id"][0])
    assert rows["doc_id"][0] not in project.lake.scan("web_text", "one").collect()["doc_id"].to_list()
    path.write_text(whole, encoding="utf-8")
    assert rows["source_id"][0] not in read_corpus(project, call)["source_id"].to_list()


def test_what_was_left_of_a_document_goes_with_it(project: SmallProject, call: Call) -> None:
    texts = [f"This is how part {number} of the book begins. {PARAGRAPH * 6}\n\n" for number in range(7)]
    edit_corpus(project, lambda rows: [*rows, {"id": "long", "text": f"{texts[0]}{MENU}\n\n{''.join(texts[1:])}"}])
    own = read_corpus(project, call).filter(source_id="long")
    apart = project.lake.scan_quarantine("web_text", "one").filter(row_id=own["source"][0]).collect()
    assert set(apart["reason"]) == {"few_sentences", "passage_limit"}
    needles = [text[:40] for text in apart["raw"]]
    assert {needle for _, needle in find_left(project.data, needles)} == set(needles)
    others = project.lake.scan_quarantine("web_text", "one").filter(pl.col("row_id") != own["source"][0]).collect()

    forget(call, "--doc", "long")
    assert find_left(project.data, needles) == set()
    assert project.lake.scan_quarantine("web_text", "one").collect().equals(others)
    assert project.lake.info("web_text", "one").accounting.find_imbalance() is None


def test_answers_to_what_a_persona_asked_go_and_nothing_is_stale(project: SmallProject, call: Call) -> None:
    recipe = PACKAGE.parent / "prompts" / "recipes" / "instructions.yaml"
    shutil.copy(recipe, project.folder / "prompts" / "recipes")
    with (project.folder / "pipeline.toml").open("a", encoding="utf-8") as file:
        file.write("own_instructions = 1.0\n")
    made = call("run", "--shard", "one")
    assert made.code == 0, made.out + made.err
    lake = project.lake
    asked = lake.scan("instructions", "one").select(instruction_id="item_id", asker="persona_id")
    dialogues = lake.scan("dialogues_g", "one").join(asked, on="instruction_id").collect()
    dialogue = dialogues.filter(pl.col("asker") != pl.col("persona_id")).row(0, named=True)
    (project.data / "ratings").mkdir()
    (project.data / "ratings" / "one.jsonl").write_text(json.dumps({"row_id": dialogue["dialogue_id"]}) + "\n")
    found = {rows.asset: rows.ids for rows in find_descendants(lake, [dialogue["asker"]])}
    assert dialogue["dialogue_id"] in found["dialogues_g"]
    refuse_answer(lake, f"chr_other+{dialogue['instruction_id']}", "A reply that nobody could read.")
    plan = plan_to_forget(Project(load_settings()), None, dialogue["asker"])
    # Candidates that were not chosen are known by their character alone.
    assert {("dialogues_g", one) for one in (dialogue["character_id"], "chr_other")} <= set(plan.asked)

    forget(call, "--persona", dialogue["asker"])
    answers = [turn["content"] for turn in dialogue["turns"]]
    assert find_left(project.data, [dialogue["dialogue_id"], *answers, "A reply that nobody"]) == set()
    status = call("status", "--shard", "one").out
    assert "dialogues_g" in status
    assert "changed" not in status, status


def test_others_of_the_same_reply_stay(project: SmallProject, call: Call) -> None:
    lake = project.lake
    rows = lake.scan("expanded_personas", "one").filter(round=2).collect()
    of_one_reply = rows.group_by("response_keys", maintain_order=True).agg("persona_id")["persona_id"].to_list()
    gone, kept = next(ids for ids in of_one_reply if len(ids) == 2)
    forget(call, "--persona", gone)
    left = lake.scan("expanded_personas", "one").collect()
    assert left.height == lake.info("expanded_personas", "one").rows
    assert set(rows["persona_id"]) - set(left["persona_id"]) == {gone}
    assert kept in left["persona_id"].to_list()
    assert find_left(project.data, rows.filter(persona_id=gone)["persona"].to_list()) == set()


def test_a_model_that_says_a_persona_again_is_not_heard(project: SmallProject, call: Call) -> None:
    lake = project.lake
    gone = [lake.scan(table, "one").collect().row(0, named=True) for table in ("seed_personas", "expanded_personas")]
    for row in reversed(gone):
        forget(call, "--persona", row["persona_id"])
    for table, row in zip(("seed_personas", "expanded_personas"), gone, strict=True):
        called = call("run", "--shard", "one", "--asset", table)
        assert called.code == 0, called.out + called.err
        assert row["persona"] not in lake.scan(table, "one").collect()["persona"].to_list()
    assert lake.info("seed_personas", "one").accounting.quarantined["forgotten"] > 0
    assert find_left(project.data / "lake", [row["persona"] for row in gone]) == set()


def test_a_persona_that_was_dropped_for_it_is_decided_again(project: SmallProject, call: Call) -> None:
    lake = project.lake
    twin = lake.scan("hub_duplicates", "two").filter(stage="exact").collect().row(0, named=True)
    called = call("forget", "--persona", twin["kept_id"], "--yes")
    assert called.code == 0, called.out + called.err
    assert "decided again: two" in called.out
    assert twin["persona_id"] in lake.scan("persona_hub", "two").collect()["persona_id"].to_list()
    assert twin["persona_id"] in list_points(project)
    assert "persona_hub changed" in call("status", "--shard", "two").out


def test_what_was_interrupted_is_taken_up(project: SmallProject, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    document = choose_document(project)
    found = find_descendants(project.lake, [document])
    needles = [row for rows in found for row in rows.ids]
    personas = project.lake.scan("persona_hub", "one").filter(pl.col("persona_id").is_in(needles)).collect()
    needles += personas["persona"].to_list()
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise OSError(28, "No space left on device")

        # Half of the tables are without it, the others not yet.
        patch.setattr("persona_assets.commands.forget._decide_again", die)
        with pytest.raises(OSError, match="No space"):
            call("forget", "--doc", document, "--yes")
    assert find_left(project.data, needles)
    assert call("forget", "--doc", document, "--yes").code == 0
    assert find_left(project.data, needles) == set()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--doc", "doc_nowhere"), "No document (doc_id, the corpus' own id, or address) doc_nowhere is in"),
        (("--persona", "per_nowhere"), "No persona per_nowhere is in"),
        ((), "name a document (--doc) or a persona (--persona), one of the two"),
        (("--doc", "a", "--persona", "b"), "one of the two"),
    ],
)
def test_a_mistake_is_named(options: tuple[str, ...], message: str, project: SmallProject, call: Call) -> None:
    called = call("forget", *options)
    assert called.code == 1
    assert message in called.err


def test_trace_down_lists_what_was_made_and_the_releases(project: SmallProject, call: Call) -> None:
    document = choose_document(project)
    splits = {path.stem: pl.read_parquet(path) for path in (project.data / "sft_dataset" / "default").glob("*.parquet")}
    (split,) = (split for split, rows in splits.items() if document in rows["doc_id"].to_list())
    called = call("trace", document, "--down")
    assert called.code == 0, called.err
    for word in ("web_text", "seed_personas", "sft_mix", f"release default, {split}", document):
        assert word in called.out
    assert call("trace", "doc_nowhere", "--down").code == 1
