import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.corpus.cleaning import clean_line, clean_text, hash_words, is_prose, measure_sentences


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\x00b\x07c", "abc"),
        ("cafe\u0301", "café"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n\n \n\n\ntwo  \n", "one\n\ntwo"),
        ("\ufeffmark\u200b and\u00ad hyphen", "mark and hyphen"),
        ("half a \ud83d pair", "half a  pair"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@given(st.text(st.characters()))
def test_cleaning_again_changes_nothing_and_the_result_can_be_stored(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean
    clean.encode("utf-8")
    assert "\n" not in clean_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "The cat sat on the mat.",
        "वह घर जा रही है।",
        "ผู้ดูแลประภาคาร",
        "灯塔看守人每天早上记录海浪的高度。",
        "In 1999, 12 of 30 keepers left.",
    ],
)
def test_prose_of_any_script_is_prose(text: str) -> None:
    assert is_prose(text)


@pytest.mark.parametrize(
    "text", ["Pages 1 2 3 4 5 6 7 8 9 10 11 12", "| 3.5 | 4.2 | 8% |", "N 35º 15' 54.05, O -118º 54'"]
)
def test_tables_of_numbers_are_not(text: str) -> None:
    assert not is_prose(text)


PARAGRAPH = "The keeper of the lighthouse wrote down the height of the waves. He did so before breakfast."
MENU = "Home\nNews\nContact\nLog in\n  • Terms of use\n  • Privacy\n\nLanguages\nAragonés\nCatalà\nDeutsch"


@pytest.mark.parametrize(
    "text",
    [
        PARAGRAPH,
        f"{PARAGRAPH} {PARAGRAPH}".replace(" waves", "\nwaves"),
        f"{PARAGRAPH} The last sentence was cut in the",
        f"Lighthouses\n\n{PARAGRAPH}\n{PARAGRAPH}",
        "灯塔看守人每天早上在早餐之前把海浪的高度记录在一本厚厚的笔记本上。他这样做了四十年。",
        "ผู้ดูแลประภาคารจดความสูงของคลื่นลงในสมุดเล่มหนาทุกเช้าก่อนรับประทานอาหารเช้า และทำเช่นนี้มาสี่สิบปีแล้ว",
    ],
)
def test_texts_in_sentences_count_nearly_whole(text: str) -> None:
    assert measure_sentences(text) > 0.7


@pytest.mark.parametrize(
    "text", ["", MENU, "Price: 3.50\nSize: 40.\nColour: red.", "Jump to: 0-9 A B C D E F G H I J K L M"]
)
def test_menus_and_lists_do_not(text: str) -> None:
    assert measure_sentences(text) == 0.0


def test_a_page_with_a_menu_counts_in_part() -> None:
    assert 0.3 < measure_sentences(f"{MENU}\n\n{PARAGRAPH}") < 0.8


def test_texts_equal_but_for_space_and_case_have_one_hash() -> None:
    assert hash_words("The  Sea\n\nis deep") == hash_words("the sea IS deep ")
    assert hash_words("the sea is deep") != hash_words("the sea is deeper")
