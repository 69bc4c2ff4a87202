"""Greedy answers to mathematics with a reference answer, scored by the same equivalence as the recipes."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from persona_assets.errors import LakeError
from persona_assets.recipes.answers import equivalent
from persona_assets.sft.release import scan_split

HELD_OUT = "held-out"
TASK = "math_solutions"
_QUESTIONS = ("problem", "question", "prompt")
_MARKED = re.compile(r"(?:####|\banswer(?: is)?\s*[:=]?)\s*(.+)", re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with the answer that is right. `of`: file name, or held-out."""

    of: str
    question: str
    reference: str


def read_held_out(release: Path, number: int) -> list[Problem]:
    """The problems of a release's validation split: no persona related to theirs was trained on."""
    rows = scan_split(release, "validation").filter(pl.col("task") == TASK).head(number).collect()
    problems = []
    for messages in rows["messages"].to_list():
        reference = find_final_answer(messages[-1]["content"])
        if reference:
            problems.append(Problem(HELD_OUT, messages[-2]["content"], reference))
    return problems


def read_problems(path: Path, number: int) -> list[Problem]:
    """Read the same few rows of a benchmark each time: JSON lines with `problem` or `question`, and `answer`.

    LakeError if the file cannot be read or has no such columns.
    """
    try:
        rows = [json.loads(line) for line in path.expanduser().read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise LakeError(f"evaluation.mathematics: {path} cannot be read as JSON lines ({error}).") from None
    problems = [problem for row in rows if (problem := _read_problem(path.stem, row)) is not None]
    if not problems:
        raise LakeError(f"evaluation.mathematics: no row of {path} has a problem or question, and an answer.")
    return random.Random(0).sample(problems, min(number, len(problems)))


def _read_problem(of: str, row: dict[str, Any]) -> Problem | None:
    question = next((row[name] for name in _QUESTIONS if isinstance(row.get(name), str)), None)
    answer = row.get("answer", row.get("solution"))
    if question is None or answer is None:
        return None
    text = str(answer)
    # A worked solution says its answer at the end; a short answer is one.
    marked = "####" in text or "\\boxed" in text or "\n" in text
    reference = find_final_answer(text) if marked else text
    return Problem(of, question, reference) if reference else None


def find_final_answer(text: str) -> str | None:
    """The answer that a worked solution ends with: boxed, marked by `####` or "answer", or its last number."""
    if boxed := _BOXED.findall(text):
        return str(boxed[-1]).strip()
    if marked := _MARKED.findall(text):
        # A sentence may go on behind it.
        return str(marked[-1]).split(". ")[0].strip().strip(".*$").strip() or None
    numbers = _NUMBER.findall(text)
    return str(numbers[-1]).rstrip(",") if numbers else None


def mark_answers(problems: Sequence[Problem], answers: Sequence[str]) -> list[float]:
    """1 for each answer that is right, else 0."""
    return [
        float((found := find_final_answer(answer)) is not None and equivalent(found, problem.reference))
        for problem, answer in zip(problems, answers, strict=True)
    ]
