"""Role play scored as PersonaGym does (arXiv 2407.18416): five tasks, a judge, and the mean of the five."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl
from pydantic import RootModel

from persona_assets.errors import LakeError
from persona_assets.evaluation.judge import Rubric, rate_rows
from persona_assets.llm.asker import Asker
from persona_assets.records import content_id
from persona_assets.sft.release import scan_split
from persona_assets.yaml_files import read_yaml, validate_yaml

IN_DOMAIN, OUT_OF_DOMAIN = "in-domain", "out-of-domain"
PERSONA_SCORE = "PersonaScore"
TASKS = ("expected_action", "toxicity", "linguistic_habits", "persona_consistency", "action_justification")
"""The rubric says what a 1 and a 5 are in each."""

_ROLE_PLAY = ("dialogues_r", "dialogues_g")
_SYSTEM = "You are {persona}. Stay in character in everything you say, and be helpful and harmless."


class CharacterQuestions(RootModel[dict[str, list[str]]]):
    """Questions for any character, by task."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to one character.

    Attributes:
        of: the character's kind: in-domain, out-of-domain, or a file.
        system: the system prompt that makes the model the character.
    """

    of: str
    task: str
    system: str
    text: str

    @property
    def chat(self) -> list[dict[str, str]]:
        """What a model is given."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.text}]


def load_character_questions(path: Path) -> dict[str, list[str]]:
    """Read the file of questions for any character.

    Raises:
        PromptError: if it is not well formed.
        LakeError: if it has questions of a task that there is not.
    """
    source, values = read_yaml(path)
    questions = validate_yaml(path, source, values, CharacterQuestions).root
    _require_tasks(path, questions)
    return questions


def ask_characters(
    release: Path, questions: Mapping[str, Sequence[str]], characters: int, per_task: int
) -> list[Question]:
    """Questions to characters that were trained on (in-domain) and to those held out (out-of-domain).

    Args:
        release: its folder; a character is the system prompt of its dialogues.
        characters: of each kind, at most.
        per_task: questions of each task put to a character; each gets others.
    """
    asked: list[Question] = []
    for split, of in (("train", IN_DOMAIN), ("validation", OUT_OF_DOMAIN)):
        rows = scan_split(release, split).filter(pl.col("task").is_in(_ROLE_PLAY))
        first = rows.unique("persona_id", keep="first", maintain_order=True).select("messages").head(characters)
        for number, messages in enumerate(first.collect()["messages"].to_list()):
            for task, texts in questions.items():
                for place in range(min(per_task, len(texts))):
                    text = texts[(number * per_task + place) % len(texts)]
                    asked.append(Question(of, task, messages[0]["content"], text))
    return asked


def read_questions(path: Path, characters: int, per_task: int) -> list[Question]:
    """Read PersonaGym's kind of file: JSON lines with persona, and questions by task; LakeError if it is none."""
    try:
        with path.expanduser().open(encoding="utf-8") as stream:
            rows = [json.loads(line) for line in islice(stream, characters)]
        return [question for row in rows for question in _read_character(path, row, per_task)]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise LakeError(
            f"evaluation.personas: {path} cannot be read ({type(error).__name__}: {error}). Each line is an object with"
            " persona, and questions: for each task a list."
        ) from None


def _read_character(path: Path, row: dict[str, object], per_task: int) -> Iterator[Question]:
    questions = {str(task).casefold().replace(" ", "_"): texts for task, texts in dict(row["questions"]).items()}  # type: ignore[call-overload]
    _require_tasks(path, questions)
    for task, texts in questions.items():
        for text in texts[:per_task]:
            yield Question(path.stem, task, _SYSTEM.format(persona=row["persona"]), str(text))


def _require_tasks(path: Path, questions: Mapping[str, object]) -> None:
    unknown = sorted(set(questions) - set(TASKS))
    if unknown:
        raise LakeError(f"{path}: there is no task {unknown[0]}. The five are {', '.join(TASKS)}.")


async def rate_answers(
    asker: Asker[Rubric], questions: Sequence[Question], answers: Sequence[str]
) -> list[float | None]:
    """Let a judge rate answers from 1 to 5, each by the anchors of its task.

    Args:
        answers: in the same order.

    Returns:
        The ratings; none where the judge's reply could not be read.
    """
    rows = [
        {
            "id": content_id("ans", question.system, question.text, answer),
            "persona": question.system,
            "question": question.text,
            "answer": answer,
        }
        for question, answer in zip(questions, answers, strict=True)
    ]
    marks: dict[tuple[str, str], float] = {}
    for task in TASKS:
        chosen = {row["id"]: row for row, question in zip(rows, questions, strict=True) if question.task == task}
        for row_id, rating in (await rate_rows(asker, task, list(chosen.values()))).items():
            marks[task, row_id] = float(rating["score"])
    return [marks.get((question.task, row["id"])) for row, question in zip(rows, questions, strict=True)]


def group_marks(questions: Sequence[Question], marks: Sequence[float | None]) -> dict[str, list[float]]:
    """Put ratings together: for each kind of character each task, and the PersonaScore of each character.

    Returns:
        Marks by "KIND, TASK" and "KIND, PersonaScore"; the latter are means over a character's tasks, so that their
        spread is that between characters.
    """
    by_task: dict[str, list[float]] = {}
    by_character: dict[tuple[str, str], list[float]] = {}
    for question, mark in zip(questions, marks, strict=True):
        if mark is not None:
            by_task.setdefault(f"{question.of}, {question.task}", []).append(mark)
            by_character.setdefault((question.of, question.system), []).append(mark)
    scores: dict[str, list[float]] = {}
    for (of, _), own in by_character.items():
        scores.setdefault(f"{of}, {PERSONA_SCORE}", []).append(sum(own) / len(own))
    return {**scores, **by_task}
