"""What is wrong with a character's answer, and what it keeps of the original."""

import pytest

from persona_assets.characters.answer_flaws import find_added_numbers, find_answer_flaw, strip_name_label
from persona_assets_tests.characters.people import make_session

LECTURE = "The bridge stands on 3 arches. It is 120 metres long, and that makes it the longest of the region."


@pytest.mark.parametrize(
    "answer",
    [
        LECTURE,
        "# The bridge\nI count three arches on it.",
        "I count three.\n\n### Arches",
        "I count **three** arches on my bridge.",
        "I reckon \\(120 / 3\\) for each arch of mine.",
        "I reckon \\frac{120}{3} for each arch, my friend.",
        "I reckon \\[ 120 / 3 \\] for each arch, my friend.",
        "I always say that I don't have the capability to count arches.",
        "I know that counting is hard. However, I can provide you with a count.",
        "Ich zähle daran **drei** Bögen aus Stein.",
        f"{LECTURE}\n```python\nprint('I and my bridge')\n```",
    ],
)
def test_a_lecture_is_out_of_character(answer: str) -> None:
    assert find_answer_flaw(answer, make_session("How?", "So.")) == "out_of_character"


@pytest.mark.parametrize(
    "answer",
    [
        f"{LECTURE} I measured it.",
        f"{LECTURE} I've measured it.",
        f"{LECTURE} Ask my uncle.",
        f"{LECTURE} Nobody told me.",
        f"{LECTURE} We were proud of it.",
        "Die Brücke hat drei Bögen und ist 120 Meter lang; das ist in dieser Gegend die längste.",
        "De brug is lang, of is het de rivier? Het is een van de mooiste van de stad.",
        "Le pont a trois arches et mesure 120 mètres, ce qui en fait le plus long de la région.",
        "这座桥有三个拱，长一百二十米，是这一带最长的桥，孩子们都喜欢在上面数船。",
        "Three arches, twelve decades, one ferry.",
        "I asked *very* politely: 2 * 3 is 6, it's #1, and it cost $5 or $6.",
        "I keep it in a list:\n```python\n# the arches and the length\nprint(2 ** 3 ** 2)\n```\nThat is all.",
        "```python\n# the bridge and the river, with all that it has\nprint(**bridge, **river)\n```",
    ],
)
def test_talk_code_and_other_languages_are_no_lecture(answer: str) -> None:
    assert find_answer_flaw(answer, make_session("How?", "So.")) is None


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ("I count my ferries twice a day, reads,writes,andreads,andreading,andwriting.", "runs_together"),
        ("I count my ferries, getupreadsomethingdullinlowlightandgoback I tell you.", "runs_together"),
        ("I cook it for you with the lid on, untilaknifegoesinleasily and then I serve it.", "runs_together"),
        ("I cook it gently, until aknife'sgoesinasily,andpourthewateroffatonce.", "runs_together"),
        ("I cook it gently without the book, you'dnt've'dn't see it, my friend.", "runs_together"),
        ("I'd've done it on 'quiet' nights, o'clock by o'clock, as my brothers' wives'd tell you.", None),
        ("Ich lebe von der Donaudampfschifffahrt, sagt meine Frau, und sie muss es wissen.", None),
        ("I was the first of the family to finish it, at 第三个 try.", "mixed_script"),
        ("I keep 1,2,3 and a,b,c in my log; see ferry.example.com/a,b and my e-mail.", None),
    ],
)
def test_words_without_spaces_and_foreign_scripts_are_flaws(answer: str, flaw: str | None) -> None:
    assert find_answer_flaw(answer, make_session("How?", "So.")) == flaw


def test_a_foreign_script_that_was_asked_about_is_none() -> None:
    session = make_session("What does 第三个 mean?", "It means the third.")
    assert find_answer_flaw("My aunt writes 第三个 on the third ferry, and I with her.", session) is None


@pytest.mark.parametrize(
    ("answer", "added"),
    [
        ("I was born in 1969, and 1,200 is half of 2400.", ["1969"]),
        ("I have 20 years of it, 1.05 litres and 1200.", []),
    ],
)
def test_large_numbers_that_nobody_told_are_made_up(answer: str, added: list[str]) -> None:
    session = make_session("I earn 2,400. What is half of it?", "It is 1,200.")
    assert find_added_numbers([answer], session) == added


def test_an_answer_may_quote_the_question_where_the_original_does() -> None:
    text = "the old bridge over the river in our town is very long and very grey indeed"
    question = f"Correct this: {text}"
    answer = f"As I would write it in the log: {text}, and not a word more."
    assert find_answer_flaw(answer, make_session(question, f"Corrected: {text}.")) is None
    assert find_answer_flaw(answer, make_session(question, "It is right.")) == "repeats_user"


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("Ruben Okafor: Hello.", "Hello."),
        ("**Ruben**: Hello.", "Hello."),
        ("assistant: Hello.", "Hello."),
        ("Ruben says hello.", "Ruben says hello."),
        ("Rubens: a painter.", "Rubens: a painter."),
    ],
)
def test_the_speakers_label_is_taken_away(text: str, stripped: str) -> None:
    assert strip_name_label(text, "Ruben Okafor") == stripped


@pytest.mark.parametrize(
    "answer",
    [
        "Sure, I can explain the bridge with an example.",
        "Certainly! Here is what I know about arches.",
        "I'm sorry, but I have never seen that bridge.",
        "I need more details: please provide me with more information about the bridge.",
        "I tie it twice, and if you have any other questions, let me know how it went.",
        "Ruben sails past the bridge every day, and I count the arches.",
        "I would say that Ruben's ferry is quicker than the bridge.",
    ],
)
def test_an_assistant_and_a_narrator_are_out_of_character(answer: str) -> None:
    assert find_answer_flaw(answer, make_session("How?", "So.")) == "out_of_character"


@pytest.mark.parametrize(
    "answer",
    [
        "I'm Ruben, and I count the arches every day.",
        "They call me Ruben, and I know this bridge like no other.",
        "Sure as the tide I am at the quay by six.",
    ],
)
def test_a_character_may_say_who_it_is(answer: str) -> None:
    assert find_answer_flaw(answer, make_session("How?", "So.")) is None


@pytest.mark.parametrize(
    ("question", "answer", "flaw"),
    [
        (
            "How should I prepare?",
            "I should read about the firm, and I write down what it was that they asked.",
            "answers_itself",
        ),
        (
            "My rent is 900.",
            "I have paid my rent with that, and it has been there when the month was over.",
            "answers_itself",
        ),
        (
            "Whom could I invite?",
            "I can invite someone I haven't seen for months, for instance an old neighbour.",
            "answers_itself",
        ),
        ("Whom could I invite?", "In that case I would say that I invite someone I know.", "answers_itself"),
        ("Whom could I invite?", "I think that I could invite someone you have not seen for months.", "answers_itself"),
        ("Whom could I invite?", "I think that I would invite someone you have not seen for months.", None),
        ("My jemy chleb.", "My jemy dobry chleb od piekarza i pijemy do tego zimne mleko.", None),
        ("How should I prepare?", "I read about the firm, and I have written down what it was that they asked.", None),
        ("How should I prepare?", "I would read about the firm, and you write down what it was that they asked.", None),
        ("How do bees dance?", "I have seen that they turn, and it was the sun from which they had the angle.", None),
        ("Wie soll ich mich bewerben?", "Ich lese alles über die Firma und schreibe mir zwei Fragen auf.", None),
    ],
)
def test_who_was_asked_does_not_take_the_place_of_who_asks(question: str, answer: str, flaw: str | None) -> None:
    assert find_answer_flaw(answer, make_session(question, "So.")) == flaw
