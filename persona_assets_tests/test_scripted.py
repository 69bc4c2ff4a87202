"""The scripted model: the same reply for the same question, and every kind of reply in it."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

from persona_assets.characters.answer import introduce, judge_answer
from persona_assets.characters.profiles import Profile
from persona_assets.characters.rewrite import judge_rewrite
from persona_assets.dedup.text import normalise
from persona_assets.llm.outcomes import Accepted
from persona_assets.llm.structured import answer_schema
from persona_assets.personas.persona_checks import doubt_seed
from persona_assets.personas.persona_prompts import load_seed_prompt
from persona_assets.prompts import PromptFile, load_prompt
from persona_assets.row_checks import RowChecks
from persona_assets_tests.asking import PROMPTS
from persona_assets_tests.characters.people import make_session
from persona_assets_tests.scripted import reply
from persona_assets_tests.scripted_replies import REFUSAL

PROMPT = load_seed_prompt(PROMPTS)
CHECKS = RowChecks()


def by_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


def ask_persona(number: int, seed: int = 1, model: str = "plain", **parameters: Any) -> str:
    messages = PROMPT.render(text=f"Text {number}.", number=1, relations=["read"], style="Short.", language="English")
    return reply(model, messages, {"seed": seed, **parameters}).text


def read_persona(text: str) -> str:
    return "" if text == REFUSAL else str(json.loads(text)["personas"][0]["persona"])


def test_a_reply_depends_on_messages_seed_and_model_alone() -> None:
    assert ask_persona(7) == ask_persona(7)
    assert len({ask_persona(7), ask_persona(8), ask_persona(7, seed=2), ask_persona(7, model="other")}) == 4


def test_personas_are_many_and_some_repeat_or_fail() -> None:
    texts = [ask_persona(number) for number in range(1_000)]
    assert 10 < texts.count(REFUSAL) < 60
    personas = [read_persona(text) for text in texts]
    flags = [CHECKS.settle(doubt_seed(persona, "Text.", CHECKS, "en")) for persona in personas if persona]
    assert 900 < flags.count([]) < 980
    assert flags.count(["no_person"]) > 5
    good = [normalise(persona) for persona in personas if persona]
    assert 15 < len(good) - len(set(good)) < 80


def test_as_many_people_are_described_as_are_asked_for() -> None:
    people = {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": 3}
    schema = by_schema({"type": "object", "properties": {"relatives": people}})
    answers = [reply("plain", [{"role": "user", "content": str(number)}], schema).text for number in range(20)]
    assert {len(json.loads(text)["relatives"]) for text in answers if text != REFUSAL} == {3}


def test_every_third_reply_of_the_doubtful_model_is_flagged() -> None:
    personas = filter(None, (read_persona(ask_persona(number, model="doubtful")) for number in range(300)))
    flags = Counter(str(CHECKS.settle(doubt_seed(persona, "Text.", CHECKS, "en"))) for persona in personas)
    assert 70 < flags["['repetition']"] < 130


def test_solvers_who_err_do_not_agree() -> None:
    schema = by_schema({"type": "object", "properties": {"solution": {}, "answer": {}}})
    asked = [{"role": "user", "content": "9 boxes with 8 jars each, 2 of the jars gone. How many jars remain?"}]
    for model, right in (("plain", 80), ("faulty", 40)):
        answers = [reply(model, asked, {"seed": seed, **schema}).text for seed in range(100)]
        assert right < sum('"answer": "70 jars"' in answer for answer in answers) < 99


def test_characters_answer_without_a_flag() -> None:
    session = make_session("What is a tide?", "The slow rise and fall of the sea, about every 12 hours, by the moon.")
    asks = [*introduce(load_prompt(PROMPTS / "dialogues_g.yaml", PromptFile), session.character)]
    asks.append({"role": "user", "content": session.user_turns[0]})
    prompt = load_prompt(PROMPTS / "dialogues_r.yaml", PromptFile)
    asked = prompt.render(character=session.character, questions=session.user_turns, answers=session.answers)
    for seed in range(40):
        said = reply("plain", asks, {"seed": seed}).text
        rewritten = json.loads(reply("plain", asked, {"seed": seed}).text)
        for verdict in (judge_answer(CHECKS, 0, session, {"text": said}), judge_rewrite(CHECKS, session, rewritten)):
            assert isinstance(verdict, Accepted)
            assert verdict.values["flags"] == []


def test_fields_that_only_words_name_are_written_as_well() -> None:
    prompt = load_prompt(PROMPTS / "character_profiles.yaml", PromptFile)
    asked = prompt.render(persona="A baker.", suggested={})
    by_words = reply("plain", asked, {"response_format": {"type": "json_object"}}).text
    assert by_words == reply("plain", asked, by_schema(answer_schema(Profile))).text
    assert Profile.model_validate_json(by_words)


def test_an_unknown_task_gets_an_answer_of_the_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "level": {"type": "integer", "minimum": 3, "maximum": 4},
            "kind": {"enum": ["a", "b"]},
            "parts": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        },
    }
    asked = [{"role": "user", "content": "Do."}]
    answer: dict[str, Any] = json.loads(reply("plain", asked, by_schema(schema)).text)
    assert list(answer) == ["title", "level", "kind", "parts"]
    assert len(answer["title"]) < 80
    assert answer["level"] in {3, 4}
    assert len(answer["parts"]) == 2


def test_a_reply_longer_than_the_limit_is_cut_off() -> None:
    messages = [{"role": "user", "content": "Say something."}]
    cut = reply("plain", messages, {"seed": 1, "max_tokens": 5})
    assert (len(cut.text.split()), cut.finish_reason) == (5, "length")


def test_installing_it_loads_no_litellm() -> None:
    code = (
        "import sys; from persona_assets_tests.scripted import install_scripted_provider as install;"
        "install(); install(); sys.exit('litellm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=PROMPTS.parent).returncode == 0
