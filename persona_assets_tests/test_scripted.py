"""The scripted model: the same reply for the same question, and every kind of reply in it."""

import json
import subprocess
import sys
from typing import Any

from persona_assets.characters.dialogue_prompt import load_dialogue_prompt
from persona_assets.characters.dialogues import find_answer_flaw
from persona_assets.characters.rewrite_flaws import judge_rewrite
from persona_assets.dedup.text import normalise
from persona_assets.llm.outcomes import Accepted
from persona_assets.personas.heuristics import find_flaw
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import reply

PROMPT = load_seed_prompt(PROMPTS)
MARKED_UP = (
    "# Photosynthesis\n\nPlants take in **carbon dioxide** and water, and with the light of the sun they make sugar"
    " from it: \\(6\\) molecules of each give \\frac{1}{1} of glucose. The oxygen that is left over leaves the leaf."
)


def ask_persona(number: int, seed: int = 1, model: str = "plain") -> str:
    messages = PROMPT.render(text=f"Text {number}.", question="Who?", style="Short.")
    return reply(model, messages, {"seed": seed, "max_tokens": 70}).text


def test_a_reply_depends_on_messages_seed_and_model_alone() -> None:
    assert ask_persona(7) == ask_persona(7)
    assert len({ask_persona(7), ask_persona(8), ask_persona(7, seed=2), ask_persona(7, model="other")}) == 4


def test_personas_are_many_and_some_repeat_or_fail() -> None:
    texts = [ask_persona(number) for number in range(1_000)]
    flaws = [find_flaw(text, 4, 60) for text in texts]
    assert set(flaws) == {None, "refused", "too_short"}
    assert 900 < flaws.count(None) < 980
    good = [normalise(text) for text, flaw in zip(texts, flaws, strict=True) if flaw is None]
    assert 15 < len(good) - len(set(good)) < 80


def test_the_characters_speak_in_the_first_person_and_to_the_instruction() -> None:
    session = make_session("Explain photosynthesis.", MARKED_UP)
    prompts = {kind: load_dialogue_prompt(PROMPTS / f"dialogues_{kind}.yaml") for kind in "rg"}
    for seed in range(40):
        asked = prompts["g"].render(character=session.character, instruction=session.user_turns[0])
        answer = reply("plain", asked, {"seed": seed}).text
        assert find_answer_flaw(answer, session) is None
        assert " For Explain I" in answer or " For photosynthesis I" in answer
        asked = prompts["r"].render(character=session.character, questions=session.user_turns, answers=session.answers)
        rewritten = json.loads(reply("plain", asked, {"seed": seed, "max_tokens": 600}).text)
        assert isinstance(judge_rewrite(session, rewritten), Accepted)


def test_an_unknown_task_gets_an_answer_of_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 150, "maxLength": 160},
            "level": {"type": "integer", "minimum": 3, "maximum": 4},
            "kind": {"enum": ["a", "b"]},
            "parts": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }
    parameters = {"seed": 1, "response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    answer: dict[str, Any] = json.loads(reply("plain", [{"role": "user", "content": "Do."}], parameters).text)
    assert list(answer) == ["title", "level", "kind", "parts"]
    assert 150 <= len(answer["title"]) <= 160
    assert answer["level"] in {3, 4}
    assert len(answer["parts"]) == 2


def test_the_labels_of_the_demonstrations_are_taken_over() -> None:
    turns = [("system", "Unknown."), ("user", "a"), ("assistant", "Riddle: What?\nAnswer: A door."), ("user", "b")]
    text = reply("plain", [{"role": role, "content": content} for role, content in turns], {}).text
    assert [line.partition(":")[0] for line in text.splitlines()] == ["Riddle", "Answer"]


def test_a_reply_longer_than_the_limit_is_cut_off() -> None:
    messages = PROMPT.render(text="Text 7.", question="Who?", style="Short.")
    cut = reply("plain", messages, {"seed": 1, "max_tokens": 5})
    assert (len(cut.text.split()), cut.finish_reason) == (5, "length")


def test_installing_it_loads_no_litellm() -> None:
    code = (
        "import sys; from persona_assets_tests.scripted import install_scripted_provider as install;"
        "install(); install(); sys.exit('litellm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=PROMPTS.parent).returncode == 0
