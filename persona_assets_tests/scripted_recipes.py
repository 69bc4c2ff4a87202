"""What the scripted model answers to the recipes: right for the prompt files that the project has."""

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from persona_assets.settings import PACKAGE
from persona_assets_tests.scripted_words import (
    CIRCUMSTANCES,
    CLOSERS,
    GOODS,
    OCCUPATIONS,
    OPENERS,
    PLACES,
    QUALITIES,
    THINGS,
)

if TYPE_CHECKING:
    from persona_assets_tests.scripted_replies import Question

_WORLDS = PACKAGE.parent / "prompts" / "worlds"


def write_logic(question: "Question") -> str:
    """Three in a row, of whom the order is told."""
    one, two, three = _names(question.draw)
    thing, place = question.draw.choice(THINGS), question.draw.choice(PLACES)
    problem = (
        f"{one}, {two} and {three} wait in {place} for {thing}. {two} stands directly behind {one}. {three} stands in"
        f" front of {one}. Who of the three stands at the front?"
    )
    return _write({"problem": problem, "working": f"{three}, {one}, {two}.", "answer": three})


def write_logic_solution(question: "Question") -> str:
    """The third name is the first; one draw in ten errs."""
    names = re.findall(r"\b[A-Z][a-z]+(?=,| and| wait)", question.user)[:3] or ["Ada", "Ben", "Cleo"]
    first = names[-1] if question.draw.random() > 0.1 else names[0]
    solution = "The second stands behind the first.\nThe third stands in front of both of them."
    return _write({"solution": solution, "answer": first})


def write_wordplay(question: "Question") -> str:
    """A question in the language that is asked for."""
    if "中文" in question.user:
        place = question.draw.choice("东西南北")
        number = question.draw.randint(2, 99)
        return _write(
            {
                "question": f"我家住在城{place}边第{number}号，那{place}边没有门是不是我就没有家？",
                "reply": "门只是一种说法，家在那里，方向不会让它消失。",
            }
        )
    thing = question.draw.choice(THINGS)
    asked = (
        f"My neighbour says that {thing} costs him sleep. Where in {question.draw.choice(PLACES)} can one buy"
        f" {question.draw.randint(2, 20)} hours of it back?"
    )
    reply = "Sleep is not sold. To cost somebody sleep means to keep him awake, and no shop pays that back."
    return _write({"question": asked, "reply": reply})


def write_request(question: "Question") -> str:
    """What somebody types."""
    draw = question.draw
    return (
        f"I have {draw.randint(3, 40)} {draw.choice(GOODS)} left in {draw.choice(PLACES)} and two days,"
        f" {draw.choice(CIRCUMSTANCES)}. Can you give me a plan that a {draw.choice(QUALITIES)}"
        f" {draw.choice(OCCUPATIONS)} can follow,"
        " with times?"
    )


def write_turn(question: "Question") -> str:
    """The next thing said."""
    draw = question.draw
    return (
        f"{draw.choice(OPENERS)} What if the {draw.choice(GOODS)} in {draw.choice(PLACES)} are"
        f" {draw.choice(QUALITIES)}, number {draw.randint(2, 999)}?"
    )


def write_answer_turn(question: "Question") -> str:
    """What an assistant says."""
    draw = question.draw
    where, what = draw.choice(PLACES), draw.choice(THINGS)
    return (
        f"Take {draw.randint(2, 99)} {draw.choice(GOODS)} to {where} first. {draw.choice(CLOSERS)} Then count {what}."
    )


def write_article(question: "Question") -> str:
    """A title and three paragraphs."""
    draw = question.draw
    paragraphs = [
        f"{draw.choice(OPENERS)} In {draw.choice(PLACES)} we lose {draw.randint(3, 60)} of a hundred"
        f" {draw.choice(GOODS)} {draw.choice(CIRCUMSTANCES)}. A"
        f" {draw.choice(OCCUPATIONS)} sees it by {draw.choice(THINGS)}. {draw.choice(CLOSERS)}"
        for _ in range(3)
    ]
    title = f"What {draw.choice(THINGS)} tells about {draw.choice(GOODS)} in {draw.choice(PLACES)}"
    return _write({"title": title, "text": "\n\n".join(paragraphs)})


def write_npc(question: "Question") -> str:
    """Somebody of the world that is described."""
    draw, world = question.draw, _find_world(question.user)
    name = f"{draw.choice(_FIRST)} {draw.choice(('Low', 'Tarn', 'Quill', 'Moss'))}"
    return _write(
        {
            "name": name,
            "place": draw.choice(list(world["places"])),
            "faction": draw.choice(list(world["factions"])),
            "description": (
                f"A {draw.choice(QUALITIES)} soul who has kept {draw.choice(THINGS)} for {draw.randint(2, 50)} years"
                f" {draw.choice(CIRCUMSTANCES)}, and trusts nobody who asks twice about {draw.choice(GOODS)}."
            ),
            "meeting": (
                f"Waves players over and asks for {draw.randint(2, 9)} {draw.choice(GOODS)}."
                f' "Mind {draw.choice(THINGS)}," is all that is said.'
            ),
        }
    )


def write_tool(question: "Question") -> str:
    """An interface whose parts fit each other."""
    draw = question.draw
    goods = draw.choice(GOODS).split()[-1].lower()
    function = f"count_{re.sub(r'[^a-z]', '', goods) or 'things'}"
    return _write(
        {
            "name": f"Counter of {goods}",
            "description": (
                f"Counts the {goods} of {draw.choice(PLACES)} in a file that changes every"
                f" {draw.randint(2, 60)} minutes."
            ),
            "function_name": function,
            "input_args": [
                {"name": "path", "type": "str", "description": "Path of the file."},
                {"name": "least", "type": "int", "description": f"Counts below {draw.randint(1, 9)} are left out."},
            ],
            "return": {"type": "dict", "description": "Count of each line."},
            "depend": [],
            "example_call": f"{function}('stock.txt', least={draw.randint(1, 9)})",
            "example_result": f"{{'apples': {draw.randint(10, 99)}}}",
        }
    )


def write_code(question: "Question") -> str:
    """A function for the interface; one draw in ten has another argument."""
    name = re.search(r"^([a-z_0-9]+)\((.*?)\) ->", question.user, re.MULTILINE)
    arguments = re.findall(r"(\w+): \w+", name[2]) if name else ["path"]
    if question.draw.random() < 0.1:
        arguments = [*arguments, "more"]
    return (
        f"```python\nfrom collections import Counter\n\n\ndef {name[1] if name else 'count'}({', '.join(arguments)}):\n"
        f"    counts = Counter()\n    with open({arguments[0]}, encoding='utf-8') as file:\n"
        f"        for line in file:\n            counts[line.strip()] += {question.draw.randint(1, 3)}\n"
        "    return dict(counts)\n```"
    )


def write_problem(question: "Question") -> str:
    """Boxes filled and emptied, with the right answer."""
    draw = question.draw
    goods, place = draw.choice(GOODS), draw.choice(PLACES)
    boxes, each = draw.randint(3, 40), draw.randint(4, 60)
    gone = draw.randint(2, boxes * each - 1)
    problem = (
        f"In {place}, a {draw.choice(OCCUPATIONS)} fills {boxes} boxes with {each} {goods} each and gives {gone} of the"
        f" {goods} to a friend. How many {goods} remain?"
    )
    left = boxes * each - gone
    return _write({"problem": problem, "working": f"{boxes} * {each} - {gone} = {left}", "answer": f"{left} {goods}"})


def write_solution(question: "Question") -> str:
    """What remains; one draw in ten reckons wrong, for the vote to find."""
    numbers = [int(number) for number in re.findall(r"\b\d{1,9}\b", question.user)]
    boxes, each, gone = (*numbers, 6, 7, 2)[:3] if len(numbers) < 3 else numbers[:3]
    goods = re.search(r"How many (.+) remain", question.user)
    unit = goods[1] if goods else "units"
    said = boxes * each + (question.draw.random() < 0.1)
    steps = f"In all: {boxes} * {each} = {said} {unit}.\nWhat is left: {said} - {gone} = {said - gone} {unit}."
    return _write({"solution": steps, "answer": f"{said - gone} {unit}"})


def _write(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)


_FIRST = ("Ada", "Bela", "Cleo", "Dario", "Edda", "Farid", "Greta", "Hana", "Ivo", "Jonas", "Kira", "Luis")


def _names(draw: random.Random) -> list[str]:
    return draw.sample(_FIRST, 3)


def _find_world(text: str) -> Mapping[str, Any]:
    # The last one named, since demonstrations come before.
    worlds = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_WORLDS.glob("*.yaml"))]
    return max(worlds, key=lambda world: text.rfind(f"World: {world['title']}."))


RECIPE_WRITERS: dict[str, Callable[["Question"], str]] = {
    "recipes/math": write_problem,
    "recipes/math_solutions": write_solution,
    "recipes/logic": write_logic,
    "recipes/logic_solutions": write_logic_solution,
    "recipes/ruozhiba": write_wordplay,
    "recipes/instructions": write_request,
    "recipes/conversations": write_turn,
    "recipes/persona_talks": write_turn,
    "recipes/knowledge": write_article,
    "recipes/game_npcs": write_npc,
    "recipes/tools": write_tool,
    "recipes/tool_code": write_code,
}
