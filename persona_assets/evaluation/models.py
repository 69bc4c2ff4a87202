"""A model asked all questions of an evaluation, and its answers scored."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from persona_assets.evaluation.mathematics import Problem, mark_answers, read_held_out, read_problems
from persona_assets.evaluation.persona_gym import (
    Question,
    ask_characters,
    group_marks,
    load_character_questions,
    read_questions,
)
from persona_assets.evaluation.scores import MATHEMATICS, ROLE_PLAY, Score, Side, make_score
from persona_assets.settings import EvaluationSettings
from persona_assets.training.causal_model import CausalModel

Rate = Callable[[Sequence[Question], Sequence[str]], Awaitable[list[float | None]]]


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """What every model of a comparison is asked."""

    problems: Sequence[Problem]
    questions: Sequence[Question]


def make_questionnaire(release: Path, prompts: Path, settings: EvaluationSettings) -> Questionnaire:
    """Gather the questions of a release and of the benchmark files; LakeError if a benchmark file cannot be read."""
    general = load_character_questions(prompts / "evaluation" / "character_questions.yaml")
    return Questionnaire(
        [
            *read_held_out(release, settings.problems),
            *(problem for path in settings.mathematics for problem in read_problems(path, settings.problems)),
        ],
        [
            *ask_characters(release, general, settings.characters, settings.questions),
            *(
                question
                for path in settings.personas
                for question in read_questions(path, settings.characters, settings.questions)
            ),
        ],
    )


async def score_model(
    model: CausalModel, side: Side, asked: Questionnaire, rate: Rate, settings: EvaluationSettings
) -> list[Score]:
    """Ask a model and score its answers.

    Args:
        model: before or after training.
        settings: limit of an answer.

    Returns:
        Accuracy for each file of problems, and ratings for each kind of character; none where nothing was asked.
    """
    chats = [[{"role": "user", "content": problem.question}] for problem in asked.problems]
    marks = mark_answers(asked.problems, model.answer(chats, settings.max_tokens))
    by_file: dict[str, list[float]] = {}
    for problem, mark in zip(asked.problems, marks, strict=True):
        by_file.setdefault(problem.of, []).append(mark)
    answers = model.answer([question.chat for question in asked.questions], settings.max_tokens)
    ratings = group_marks(asked.questions, await rate(asked.questions, answers))
    return [
        *(make_score(MATHEMATICS, of, side, marks) for of, marks in by_file.items()),
        *(make_score(ROLE_PLAY, of, side, marks) for of, marks in ratings.items()),
    ]
