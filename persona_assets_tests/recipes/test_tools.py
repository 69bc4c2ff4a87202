"""Tools: what an interface and its code must be, judged without running anything."""

import json
from typing import Any

import pytest

from persona_assets.recipes.derive import DERIVED
from persona_assets.recipes.tools import describe_function, find_code_flaw, find_interface_flaw, json_type

INTERFACE: dict[str, Any] = {
    "name": "Tide table",
    "description": "Lists the high waters of a harbour.",
    "function_name": "list_high_waters",
    "input_args": [
        {"name": "harbour", "type": "str", "description": "Its name."},
        {"name": "days", "type": "list", "description": "Days of the year."},
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
        ("bad_name", change(function_name="list-waters")),
        ("bad_name", change(function_name="class")),
        ("bad_arguments", change(input_args=[{"name": "2nd", "type": "int", "description": "x"}])),
        ("bad_arguments", change(input_args=[{"name": "a", "type": "int", "description": "x"}] * 2)),
        ("unknown_type", change(input_args=[{"name": "a", "type": "Harbour", "description": "x"}])),
        ("unknown_type", change(**{"return": {"type": "whatever", "description": "x"}})),
        ("bad_arguments", change(input_args=[{"name": "list_high_waters", "type": "int", "description": "x"}])),
        ("bad_dependency", change(depend=["requests; rm -rf /"])),
        ("bad_dependency", change(depend=["Python"])),
        ("bad_dependency", change(depend=["numpy", "NumPy"])),
        ("bad_dependency", change(depend=["list_high_waters"])),
    ],
)
def test_the_parts_of_an_interface_fit(flaw: str | None, interface: dict[str, Any]) -> None:
    found = find_interface_flaw(interface)
    assert (found and found.split(":")[0]) == flaw


@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        (None, CODE),
        (None, CODE.replace("def ", "async def ")),
        ("does_not_parse", CODE + "\nreturn ="),
        ("does_not_parse", "return 5"),
        ("no_function", CODE.replace("list_high_waters", "list_low_waters")),
        ("no_function", f"class Tool:\n    {CODE.splitlines()[5]}\n        return {{}}"),
        ("other_arguments", CODE.replace("(harbour, days)", "(days, harbour)")),
        ("other_arguments", CODE.replace("(harbour, days)", "(harbour, days, year=1)")),
        ("undeclared_import", "import tides_api\n" + CODE),
        ("undeclared_import", "from numpy import array\n" + CODE),
        ("empty_function", 'def list_high_waters(harbour, days):\n    """Say."""\n    pass'),
        ("empty_function", "def list_high_waters(harbour, days):\n    raise NotImplementedError"),
        ("lint", "def list_high_waters(harbour, days):\n    return times[harbour]"),
        ("lint", "from math import *\n\n\ndef list_high_waters(harbour, days):\n    return sin(days)"),
        ("runs_text", "def list_high_waters(harbour, days):\n    return eval(harbour)"),
    ],
)
def test_the_code_is_what_the_interface_says(flaw: str | None, code: str) -> None:
    found = find_code_flaw(code, INTERFACE)
    assert (found and found.split(":")[0]) == flaw


def test_code_is_read_and_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('run')\nraise SystemExit\n\n\ndef list_high_waters(harbour, days):\n    return {}\n"
    assert find_code_flaw(code, INTERFACE) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("str", "string"), ("Optional[int]", "integer"), ("List[Dict[str, float]]", "array"), ("Ship", None), ("", None)],
)
def test_types_have_one_in_json(kind: str, wanted: str | None) -> None:
    assert json_type(kind) == wanted


def test_an_interface_is_a_function_for_tool_calls() -> None:
    function = describe_function(INTERFACE)["function"]
    assert function["name"] == "list_high_waters"
    assert function["parameters"]["required"] == ["harbour", "days"]
    assert function["parameters"]["properties"]["days"] == {
        "type": "array",
        "description": "Days of the year.",
        "items": {},
    }
    assert json.loads(DERIVED["openai_function"](INTERFACE, {})) == describe_function(INTERFACE)
    assert json.loads(DERIVED["tool_interface"]({}, INTERFACE)) == INTERFACE
