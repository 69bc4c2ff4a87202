"""Doubts that hold for any text: language, broken ends, copies."""

import pytest

from persona_assets.personas.text_checks import (
    breaks_off,
    count_words,
    doubt_text,
    find_address,
    find_contact,
    find_copied,
    is_in_language,
)
from persona_assets.row_checks import RowChecks


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A chef", "en"),
        ("一名使用Kubernetes和Docker的DevOps工程师", "zh"),
        ("Программист, который пишет на Python и Go", "ru"),
        ("Наставник, који предаје историју у малој школи крај реке и води локални хор.", "sr"),
        ("Um engenheiro de software brasileiro que é especialista em extensões para navegador.", "pt-BR"),
        ("En pensjonert lærer i Bergen som dyrker roser på balkongen og skriver om bussene.", "no"),
    ],
)
def test_a_text_in_the_language_asked_for_is_told(text: str, language: str) -> None:
    assert is_in_language(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("计算机科学家", "en"),
        ("A computer scientist", "zh"),
        ("Ein Rentner, der gerne Bücher über Geschichte liest und im Verein Schach spielt", "en"),
        ("A retired ferry captain who paints the boats that he used to steer.", "es"),
    ],
)
def test_a_text_in_another_language_is_told(text: str, language: str) -> None:
    assert not is_in_language(text, language)


ONE_SENTENCE = (
    "A front desk clerk at a hotel near the station who knows every regular guest by name and keeps a notebook of what"
    " each of them likes for breakfast"
)


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [
        (ONE_SENTENCE, False),
        (f"{ONE_SENTENCE}. She once", True),
        (f"{ONE_SENTENCE}. She smiles.", False),
        ("A clerk who works with", True),
        ("A clerk who needs somebody to talk with.", False),
        ("A chemist who studies vitamin A", False),
        ("A clerk and the", True),
        ("A clerk who is a", True),
        ("Find the value of y.", False),
        ("Given b and c, find a.", False),
        ("Wer schreibt, dem wird geantwortet.", False),
        ("A clerk,", True),
    ],
)
def test_a_broken_end_is_told(text: str, is_broken: bool) -> None:
    assert breaks_off(text) == is_broken


def test_two_characters_of_an_unspaced_script_count_as_a_word() -> None:
    name = "中华人民共和国国家发展和改革委员会"
    assert find_copied(f"一位在{name}工作的经济学家", [f"据{name}消息"], 14) is None
    assert find_copied(name * 2, [name * 2], 14)
    assert count_words("一位 economist 老师") == 3


@pytest.mark.parametrize(
    "text",
    [
        "Write to tam@ferry.org.",
        "Mail ann.lee+jobs@mail.bread.co.uk today",
        "Call +49 30 901820 after six.",
        "Ring 01 23 45 67 89, please.",
        "Phone 0161 496 0991.",
        "Tel. 0341 3987 4412",
        "Call (212) 736-5000 or 415.362.9012.",
    ],
)
def test_an_address_or_a_number_by_which_somebody_is_reached_is_contact_data(text: str) -> None:
    assert find_contact(text)
    assert not find_contact(text, [text])


@pytest.mark.parametrize(
    "text",
    [
        "The ward sleeps 0800-1600, the shop is open 08.00-17.00.",
        "The bits are 00 01 10 11 and then 01 10 11 00 01.",
        "From 2024-01-05 to 2024-02-01, or 05-06-2024 10:00.",
        "At +51.5074000, -0.1278000 the budget is +10 000 000.",
        "Call (555) 123-4567 or 212-555-0142, said the film.",
        "Clone git@github.com:tam/ferry.git, then compute W@inputs.transpose(0, 1).",
        "Write to me at tam@example.org.",
        "3 + 0.25 = 3.25, and 07 / 12 = 0.5833333333",
    ],
)
def test_other_digits_and_signs_are_no_contact_data(text: str) -> None:
    assert find_contact(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Send it to 14 Quay Street, Oban PA34 4RN.",
        "She lives at 2200 Old Mill Road, Apt 3, Austin, TX 78704.",
        "Besuch uns: Hafenstraße 12, 20359 Hamburg.",
        "Écrivez au 8 rue des Tonneliers, 33000 Bordeaux.",
        "Paczki na ul. Morska 7/2, 81-333 Gdynia.",
    ],
)
def test_an_address_of_a_house_is_doubted(text: str) -> None:
    assert find_address(text)
    assert find_address(text, [text]) is None


@pytest.mark.parametrize(
    "text",
    [
        "At 12 Main Street there is a bakery.",
        "He ran 5 Long Hill races in 1998 and sold 12000 tickets.",
        "Von der Bahnhofstraße sind es 12 Minuten.",
        "The shop on Mill Road sold 20 loaves a day for 35 years.",
    ],
)
def test_a_street_without_a_postcode_may_stay(text: str) -> None:
    assert find_address(text) is None


def test_a_web_address_is_doubted_unless_it_is_the_sources_or_nobodys() -> None:
    assert find_address("See www.ferry-lines.com/times.") == "www.ferry-lines.com/times"
    assert find_address("See www.ferry-lines.com.", ["Times: www.ferry-lines.com."]) is None
    assert find_address("At http://192.168.1.1, xmlns='http://www.w3.org/2000/svg', https://example.com/a") is None
    in_code = "Run it:\n```\ncurl https://ferry-lines.com -u tam@ferry.org\n```\nThen look."
    assert list(doubt_text(in_code, RowChecks())) == []


@pytest.mark.parametrize(
    "text",
    [
        "A prosecutor who tries the makers of child pornography.",
        "An educator who answers a boy's questions about sexual desire.",
        "A content moderator who removes sexual content of children.",
        "A guide who tells children about the nudes of the Uffizi.",
        "A novelist who writes erotic fiction and teaches adults.",
        "Pupils dilate with sexual arousal.",
    ],
)
def test_who_protects_or_teaches_has_no_sexual_content_with_a_minor(text: str) -> None:
    assert [doubt.check for doubt in doubt_text(text, RowChecks())] == []
