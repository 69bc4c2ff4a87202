"""Contradictions that words give away."""

import json
from pathlib import Path
from typing import Any

import pytest

from persona_assets.characters.contradictions import find_contradiction

PROFILE: dict[str, Any] = {
    "name": "Mira Holt",
    "age": 60,
    "gender": "female",
    "race": "European",
    "birthplace": "a harbour town",
    "appearance": "Tall, with grey eyes.",
    "experience": "She sailed for thirty years.",
    "personality": "Calm; she laughs rarely.",
}


@pytest.mark.parametrize(
    ("persona", "changes", "contradicts"),
    [
        ("A retired ferry captain who teaches knots.", {}, False),
        ("I am an elderly ferry captain who teaches knots.", {"age": 36}, True),
        ("I am an elderly ferry captain who teaches knots.", {"age": 76}, False),
        ("A WWII veteran who teaches knots.", {"age": 60}, True),
        ("A retired ferry captain who teaches knots.", {"age": 15}, True),
        ("A ferry captain who teaches a retired doctor.", {"age": 15, "experience": "Sailed."}, False),
        ("A nine-year-old boy who counts ferries.", {"gender": "male", "age": 9, "experience": "He counts."}, False),
        ("A 70-year-old captain who teaches knots.", {"age": 28}, True),
        ("A captain who cares for her 70-year-old neighbour.", {"age": 28, "experience": "Sailed."}, False),
        ("A ferry captain.", {"age": 28, "experience": "She sailed for over 20 years."}, True),
        ("A ferry captain.", {"age": 38, "experience": "She sailed for over 20 years."}, False),
        ("A ferry captain.", {"appearance": "A small man with a limp."}, True),
        ("A ferry captain.", {"appearance": "Tall, with a long beard."}, True),
        ("A ferry captain.", {"experience": "He sailed.", "personality": "He laughs at his jokes."}, True),
        ("A ferry captain.", {"gender": "non-binary", "personality": "He laughs."}, False),
        ("A widow who keeps bees.", {"gender": "male", "experience": "He sailed.", "personality": "Calm."}, True),
        ("A 42-year-old female who sells ice cream.", {"age": 42, "gender": "male", "experience": "Sold."}, True),
        ("A male nurse who knits.", {}, True),
        ("A female sailor who knits.", {}, False),
        ("A surgeon who operates on children.", {"age": 12}, True),
        ("A child who counts ferries.", {}, True),
        ("A shy child counting ferries.", {}, True),
        ("A girl, the youngest on board.", {}, True),
        ("A child psychologist who sails.", {}, False),
        ("A toddler's grandmother who sails.", {}, False),
        ("A girl scout leader who ties knots.", {"gender": "male", "experience": "He led.", "personality": "-"}, False),
    ],
)
def test_finds_the_plain_cases(persona: str, changes: dict[str, Any], contradicts: bool) -> None:
    assert (find_contradiction(persona, {**PROFILE, **changes}) is not None) == contradicts


def test_precision_and_recall_on_forty_labelled_profiles() -> None:
    """Half of the cases contradict their persona, some of them so that only a reader notices."""
    lines = (Path(__file__).parent / "contradiction_cases.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    assert len(cases) == 40
    found = [find_contradiction(case["persona"], case) is not None for case in cases]
    true = [case["contradicts"] for case in cases]
    hits = sum(one and other for one, other in zip(found, true, strict=True))
    assert hits / sum(found) == 1.0
    assert hits / sum(true) >= 0.8
