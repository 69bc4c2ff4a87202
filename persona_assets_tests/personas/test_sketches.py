"""Who has to do with what: the sentence around it, and which models are asked so."""

import re
from pathlib import Path

import pytest

from persona_assets.errors import PromptError
from persona_assets.llm.json_regex import to_regex
from persona_assets.llm.structured import answer_schema
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.personas.sketches import Sketch, SketchedPersona, choose_sketches, sketch_of_phrases
from persona_assets.settings import ModelSettings, SeedSettings
from persona_assets_tests.asking import PROMPTS


def _read_sketch() -> Sketch:
    sketch = load_seed_prompt(PROMPTS).content.sketch
    assert sketch
    return sketch


SKETCH = _read_sketch()


def test_the_article_fits_what_is_spoken() -> None:
    for who, begins in {
        "apple grower": "An ",
        "university clerk": "A ",
        "hour counter": "An ",
        "monk": "A ",
        "the apple grower": "An ",
    }.items():
        assert SKETCH.frame_persona(who, "late trains", "read", "doc_1 0").startswith(begins + who.removeprefix("the "))


@pytest.mark.parametrize(
    ("matter", "about"),
    [
        ("download of conference proceedings", "conference proceedings"),
        ("the name of the school", "the school"),
        ("names of rivers", "rivers"),
        ("the history of rivers", "the history of rivers"),
        ("download limits", "download limits"),
    ],
)
def test_what_a_page_has_of_a_matter_is_not_the_matter(matter: str, about: str) -> None:
    assert f" {about}" in SKETCH.frame_persona("teacher", matter, "read", "doc_1 0")
    assert (matter in SKETCH.frame_persona("teacher", matter, "read", "doc_1 0")) == (matter == about)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("embedded/smollm2-135m-instruct", "phrases"), ("openai/gpt-4o-mini", "never"), ("embedded/model.gguf", "free")],
)
def test_who_is_asked_for_sketches(name: str, kind: str) -> None:
    model = ModelSettings(name=name)
    assert choose_sketches(model, SeedSettings()) == kind
    assert choose_sketches(model, SeedSettings(sketches="free")) == "free"
    assert choose_sketches(model, SeedSettings(sketches="never")) == "never"


def test_the_matter_is_one_of_the_phrases() -> None:
    schema = answer_schema(sketch_of_phrases(["the bees", "late (very) trains"]))
    assert list(schema["properties"]) == list(SketchedPersona.model_fields)
    expression = to_regex(schema)
    assert re.fullmatch(expression, '{"matter": "late (very) trains", "who": "night nurse"}')
    assert not re.fullmatch(expression, '{"matter": "late trains", "who": "night nurse"}')


def test_a_frame_without_both_slots_is_named(tmp_path: Path) -> None:
    text = (PROMPTS / "seed_personas.yaml").read_text(encoding="utf-8")
    (tmp_path / "seed_personas.yaml").write_text(text.replace("for advice on {{ matter }}", "for advice"))
    with pytest.raises(PromptError, match="who looks for advice"):
        load_seed_prompt(tmp_path)


def test_a_relation_without_a_frame_is_named(tmp_path: Path) -> None:
    text = (PROMPTS / "seed_personas.yaml").read_text(encoding="utf-8")
    (tmp_path / "seed_personas.yaml").write_text(text[: text.index("    dislike:\n      - ")] + "temperature: 0.7\n")
    with pytest.raises(PromptError, match="no text for dislike"):
        load_seed_prompt(tmp_path)
