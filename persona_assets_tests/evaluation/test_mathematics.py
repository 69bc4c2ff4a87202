"""Mathematics with a reference answer: read from any benchmark file, and marked by value."""

import json
from pathlib import Path

import pytest

from persona_assets.errors import LakeError
from persona_assets.evaluation.mathematics import (
    HELD_OUT,
    find_final_answer,
    mark_answers,
    read_held_out,
    read_problems,
)
from persona_assets.sft.release import write_release
from persona_assets.sft.shards import ShardChoice
from persona_assets_tests.sft.candidates import make_candidates, make_families, make_mix


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7\n\nAnswer: 7 jars", "7 jars"),
        ("We get $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        ("She has 16 - 3 = 13.\n#### 13", "13"),
        ("The answer is 42. That was easy.", "42"),
        ("The answer is $1,200.", "1,200"),
        ("First 3, then 5 apples are left", "5"),
        ("**Answer:** 9", "9"),
        ("I do not know.", None),
    ],
)
def test_the_final_answer_of_a_solution(text: str, answer: str | None) -> None:
    assert find_final_answer(text) == answer


def test_a_benchmark_is_read_by_its_columns_the_same_few_each_time(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    rows = [{"question": f"Q{n}", "answer": f"{n} + 0 = {n}\n#### {n}"} for n in range(9)]
    rows += [{"problem": "P", "answer": "\\frac{1}{2}"}, {"other": "x"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = read_problems(path, 5)
    assert problems == read_problems(path, 5)
    every = {problem.question: problem.reference for problem in read_problems(path, 99)}
    assert every == {**{f"Q{n}": str(n) for n in range(9)}, "P": "\\frac{1}{2}"}


def test_answers_are_marked_by_value(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text('{"problem": "P", "answer": "1/2"}\n')
    problems = read_problems(path, 1) * 4
    answers = ["Answer: 0.5", "so it is \\boxed{\\frac{2}{4}}", "Answer: 2", "no idea"]
    assert mark_answers(problems, answers) == [1, 1, 0, 0]


def test_held_out_problems_are_those_of_the_validation_split(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "2 + 2 = 4\n\nAnswer: 4"}]
    rows = make_candidates([f"per_{n}" for n in range(30)], ("math_solutions",), messages=turns)
    mix = make_mix(weights={"math_solutions": 1.0}, validation_share=0.3)
    made = write_release(tmp_path / "m", "m", mix, rows, make_families({}), ShardChoice({}, {}))
    problems = read_held_out(made.folder, 100)
    assert len(problems) == made.counts["math_solutions"]["validation"]
    assert {(problem.of, problem.question, problem.reference) for problem in problems} == {(HELD_OUT, "How many?", "4")}


@pytest.mark.parametrize(("content", "message"), [("{", "cannot be read"), ('{"a": 1}', "no row of .* has a problem")])
def test_a_file_that_is_no_benchmark_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bench.jsonl").write_text(content)
    with pytest.raises(LakeError, match=rf"evaluation\.mathematics: .*{message}"):
        read_problems(tmp_path / "bench.jsonl", 3)
