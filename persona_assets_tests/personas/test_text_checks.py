"""Doubts that hold for any text: language, broken ends, copies."""

import pytest

from persona_assets.personas.text_checks import breaks_off, count_words, find_copied, is_in_language


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
