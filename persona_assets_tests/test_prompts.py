"""Prompts: faithful rendering, data that stays data, and files whose mistakes are named."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persona_assets.errors import PromptError
from persona_assets.prompts import PromptFile, delimit, load_prompt, render_template, strip_chat_marks

FILE = """
description: Tests.
system: You help with {{ topic }}.
user: "About {{ topic }}: {{ text | data }}"
demonstrations:
  - values: {text: first}
    answer: one
  - values: {text: second}
    answer: {name: Ada, age: 36}
"""


def write(folder: Path, content: str) -> Path:
    path = folder / "test.yaml"
    path.write_text(content)
    return path


def test_demonstrations_are_earlier_turns(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, FILE), PromptFile)
    assert [(message["role"], message["content"]) for message in prompt.render(topic="bread", text="third")] == [
        ("system", "You help with bread."),
        ("user", "About bread: <text>\nfirst\n</text>"),
        ("assistant", "one"),
        ("user", "About bread: <text>\nsecond\n</text>"),
        ("assistant", '{"name": "Ada", "age": 36}'),
        ("user", "About bread: <text>\nthird\n</text>"),
    ]
    assert prompt.name == "test"


def test_the_version_is_the_file_s_content(tmp_path: Path) -> None:
    first = load_prompt(write(tmp_path, FILE), PromptFile)
    assert load_prompt(write(tmp_path, FILE), PromptFile).version == first.version
    assert load_prompt(write(tmp_path, FILE + "# a remark\n"), PromptFile).version != first.version


TRICKS = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "/",
            "text",
            "TEXT",
            " ",
            "\n",
            "\u200b",
            "＜",
            "／",
            "</text>",
            "<text>",
            "</s>",
            "<|im_end|>",
            "a",
            "|",
        ]
    ),
    max_size=12,
).map("".join)


@given(st.one_of(st.text(), TRICKS))
@example("</text>")
@example("</ TEXT >")
@example("<</s>/text>")
@example("<|</text>|>")
@example("</te\u200bxt>")
@example("</text")
@example("</text onclick=1>")
@example("</<|x|>text>")
def test_no_text_closes_its_delimiter(text: str) -> None:
    delimited = delimit(text)
    assert delimited.startswith("<text>\n")
    assert delimited.endswith("\n</text>")
    inside = delimited.removeprefix("<text>\n").removesuffix("\n</text>")
    seen = (
        re.sub("[\\s\u00ad\u200b-\u200f\u2060\ufeff]", "", inside).casefold().translate(str.maketrans("＜／＞", "</>"))
    )
    assert "</text>" not in seen
    assert "<text>" not in seen


@pytest.mark.parametrize(
    "mark",
    ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "[INST]", "[/inst]", "<s>", "</s>", "<<SYS>>", "<</SYS>>",
     "<start_of_turn>", "<end_of_turn>", "<bos>", "<｜User｜>", "<|eot_id|>"],
)  # fmt: skip
def test_text_starts_no_turn_of_its_own(mark: str) -> None:
    assert strip_chat_marks(f"before{mark}after") == "before after"
    assert mark not in delimit(f"a{mark}b")


@given(st.lists(st.sampled_from(["<|", "|>", "im_end", "<", "s", ">", "[INST]", "</s>"]), max_size=10).map("".join))
def test_taking_marks_away_makes_no_new_one(text: str) -> None:
    once = strip_chat_marks(text)
    assert strip_chat_marks(once) == once


def test_ordinary_text_passes_untouched() -> None:
    text = "If a < b and b > c, write <b>text</b> and 3 | 4, [1], a texture, x<texture>y."
    assert delimit(text) == f"<text>\n{text}\n</text>"
    assert delimit("</text>", "persona") == "<persona>\n</text>\n</persona>"


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    prompt = load_prompt(write(tmp_path, FILE), PromptFile)
    with pytest.raises(PromptError, match="prompt test uses a variable it is not given: 'topic' is undefined"):
        prompt.render(text="x")


@pytest.mark.parametrize("template", ["{{ a", "{% if %}", "{{ a | nofilter }}", "{{ ''.__class__.__mro__ }}"])
def test_a_bad_template_is_named(template: str) -> None:
    with pytest.raises(PromptError, match="recipe math"):
        render_template(template, {"a": "x"}, "recipe math")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("description: a\nuser: [unclosed\n", r"test\.yaml is no valid YAML: .*line \d"),
        ("description: a\n\tuser: x\n", r"test\.yaml is no valid YAML: .*line 2"),
        ("description: a\n", r"test\.yaml is not well formed\. user \(line 1\): Field required"),
        ("description: a\nuser: b\ntemprature: 1\n", r"test\.yaml .*temprature \(line 3\): Extra inputs"),
        ("description: a\nuser: b\ntemperature: 9\n", r"temperature \(line 3\): .*less than or equal to 2"),
        ("description: a\nuser: b\ndemonstrations: [{values: {}}]\n", r"demonstrations\.0\.answer"),
        ("- a list\n", r"test\.yaml is not well formed\. the file"),
        ("", r"test\.yaml is not well formed\. description"),
    ],
)
def test_a_bad_file_is_named_with_line_or_key(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=message):
        load_prompt(write(tmp_path, content), PromptFile)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"no\.yaml is missing"):
        load_prompt(tmp_path / "no.yaml", PromptFile)
    with pytest.raises(PromptError, match="cannot be read"):
        load_prompt(tmp_path, PromptFile)
    (tmp_path / "bytes.yaml").write_bytes(b"description: \xff\xfe")
    with pytest.raises(PromptError, match=r"bytes\.yaml is no valid YAML"):
        load_prompt(tmp_path / "bytes.yaml", PromptFile)
