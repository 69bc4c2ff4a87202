"""Words that no dictionary of English has."""

import pytest

from persona_assets.personas.vocabulary import find_unknown_word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("A pasteller on long shifts who reads about serigrafia.", "pasteller"),
        ("A clerk who takes an evening course on deutsche steuerzahler.", "deutsche"),
        ("A runner who studies the events of the igrzysk.", "igrzysk"),
        ("A teacher who likes worktogether days.", "worktogether"),
        ("A teacher who thinks about the langauge’s grammar.", "langauge's"),
    ],
)
def test_words_of_no_language_or_another_are_found(text: str, word: str) -> None:
    assert find_unknown_word(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "A night nurse who doesn’t sleep well and looks after her grandmother’s beehives.",
        "A neighbour whose favourite colour is grey, in a theatre where nobody apologises for their behaviour.",
        "A neighbor whose favorite color is gray, in a theater where nobody apologizes for their behavior.",
        "An engineer from Łódź who reads Żeromski at Dialogflow.",
        "A DJ who buys art by ems.",
    ],
)
def test_english_of_both_spellings_and_names_are_left_alone(text: str) -> None:
    assert find_unknown_word(text) is None


def test_words_of_what_a_text_was_made_from_are_known() -> None:
    text = "A vlogger who talks about dialogflow."
    assert find_unknown_word(text) == "vlogger"
    assert find_unknown_word(text, "Our vlogger met others at a meeting on dialogflow.") is None
    assert find_unknown_word(text, "Our vlogger met others at a meeting on Dialogflow.") == "dialogflow"
