"""Tools: what an interface and its code must be, judged without running anything."""

import json
from typing import Any

import pytest

from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.tools import (
    describe_function,
    describe_type,
    find_broken_code,
    find_interface_flaw,
    find_lint,
)

INTERFACE: dict[str, Any] = {
    "name": "Tide table",
    "description": "Lists the high waters of a harbour.",
    "function_name": "list_high_waters",
    "input_args": [
        {"name": "harbour", "type": "str", "description": "Its name."},
        {"name": "days", "type": "list[int]", "description": "Days of the year."},
    ],
    "return": {"type": "dict", "description": "Times by day."},
    "depend": ["requests", "beautifulsoup4"],
}
CODE = """\
import json
import requests
from bs4 import BeautifulSoup


def list_high_waters(harbour, days):
    page = BeautifulSoup(requests.get(f"https://tides.example/{harbour}").text, "html.parser")
    return {day: json.loads(page.text)[day] for day in days}
"""


def change(**parts: Any) -> dict[str, Any]:
    return {**INTERFACE, **parts}


@pytest.mark.parametrize(
    ("flaw", "interface"),
    [
        (None, INTERFACE),
        (None, change(depend=[])),
        (None, change(input_args=[{"name": "a", "type": "List[str]", "description": "x"}])),
        ("the function's name is list-waters", change(function_name="list-waters")),
        ("the function's name is class", change(function_name="class")),
        ("the arguments' names are 2nd", change(input_args=[{"name": "2nd", "type": "int", "description": "x"}])),
        ("the arguments' names are a, a", change(input_args=[{"name": "a", "type": "int", "description": "x"}] * 2)),
        ("unknown types: Harbour", change(input_args=[{"name": "a", "type": "Harbour", "description": "x"}])),
        ("unknown types: whatever", change(**{"return": {"type": "whatever", "description": "x"}})),
        ("names are list_high_waters", change(input_args=[{"name": "list_high_waters", "type": "int"}])),
        ("it depends on requests; rm", change(depend=["requests; rm -rf /"])),
        ("it depends on python", change(depend=["Python"])),
        ("it depends on numpy, numpy", change(depend=["numpy", "NumPy"])),
        ("it depends on list_high_waters", change(depend=["list_high_waters"])),
    ],
)
def test_the_parts_of_an_interface_fit(flaw: str | None, interface: dict[str, Any]) -> None:
    found = find_interface_flaw(interface)
    assert flaw in found if flaw and found else found == flaw


@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        (None, CODE),
        (None, CODE.replace("def ", "async def ")),
        (None, CODE.replace("(harbour, days)", "(harbour, days, year=1, *, timeout=5)")),
        ("it does not parse", CODE + "\nreturn ="),
        ("it does not parse", "return 5"),
        ("there is no function list_high_waters", CODE.replace("list_high_waters", "list_low_waters")),
        ("there is no function", f"class Tool:\n    {CODE.splitlines()[5]}\n        return {{}}"),
        ("its arguments are days, harbour", CODE.replace("(harbour, days)", "(days, harbour)")),
        ("its arguments are harbour, days, year", CODE.replace("(harbour, days)", "(harbour, days, year)")),
        ("its arguments are harbour, days, year", CODE.replace("(harbour, days)", "(harbour, days, *, year)")),
        ("its arguments are none", CODE.replace("(harbour, days)", "()")),
    ],
)
def test_code_that_is_none_for_its_interface_is_broken(flaw: str | None, code: str) -> None:
    found = find_broken_code(code, INTERFACE)
    assert flaw in found if flaw and found else found == flaw


@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        (None, CODE),
        (None, "def ("),
        ("it imports tides_api", "import tides_api\n" + CODE),
        ("it imports numpy", "from numpy import array\n" + CODE),
        ("the function is empty", 'def list_high_waters(harbour, days):\n    """Say."""\n    pass'),
        ("the function is empty", "def list_high_waters(harbour, days):\n    raise NotImplementedError"),
        ("undefined name 'times'", "def list_high_waters(harbour, days):\n    return times[harbour]"),
        ("import *", "from math import *\n\n\ndef list_high_waters(harbour, days):\n    return sin(days)"),
        ("it runs text by eval", "def list_high_waters(harbour, days):\n    return eval(harbour)"),
    ],
)
def test_code_uses_what_is_there(flaw: str | None, code: str) -> None:
    found = find_lint(code, INTERFACE)
    assert flaw in found if flaw and found else found == flaw


def test_code_is_read_and_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('run')\nraise SystemExit\n\n\ndef list_high_waters(harbour, days):\n    return {}\n"
    assert find_broken_code(code, INTERFACE) is None
    assert find_lint(code, INTERFACE) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("str", {"type": "string"}),
        ("Optional[int]", {"type": "integer"}),
        ("list", {"type": "array", "items": {}}),
        ("list[str]", {"type": "array", "items": {"type": "string"}}),
        ("List[Dict[str, float]]", {"type": "array", "items": {"type": "object"}}),
        ("Ship", None),
        ("", None),
    ],
)
def test_types_have_one_in_json(kind: str, wanted: dict[str, Any] | None) -> None:
    assert describe_type(kind) == wanted


def test_an_interface_is_a_function_for_tool_calls() -> None:
    function = describe_function(INTERFACE)["function"]
    assert function["name"] == "list_high_waters"
    assert function["description"] == "Lists the high waters of a harbour. Returns: Times by day."
    assert function["parameters"]["required"] == ["harbour", "days"]
    assert function["parameters"]["properties"]["days"] == {
        "type": "array",
        "description": "Days of the year.",
        "items": {"type": "integer"},
    }
    assert json.loads(DERIVED["openai_function"](INTERFACE, {})) == describe_function(INTERFACE)
    example = {**INTERFACE, "example_call": "list_high_waters('Hull', [1])", "item_id": "itm_1"}
    assert json.loads(DERIVED["tool_interface"]({}, example)) == {**INTERFACE, "example_call": example["example_call"]}
