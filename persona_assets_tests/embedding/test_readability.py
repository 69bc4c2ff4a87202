import pytest

from persona_assets.embedding.model_folder import PACKAGED_MODEL, find_model_folder
from persona_assets.embedding.readability import Readability
from persona_assets.errors import SettingsError


@pytest.fixture(scope="module")
def english():
    return Readability(("Latin",), find_model_folder(PACKAGED_MODEL))


@pytest.mark.parametrize(
    ("text", "is_readable"),
    [
        ("A retired miner from Silesia", True),
        ("Profesor de historia de un pueblo pequeño", True),
        ("A collector of 东 porcelain from the early dynasties", True),
        ("一位研究古代陶瓷的考古学家", False),
        ("ครูสอนประวัติศาสตร์ในเมืองเล็ก", False),
        ("《ONE PIECE》的铁粉", False),
        ("Учитель истории из маленького города", False),
        ("Właścicielka kwiaciarni w Krakowie", False),  # 3.5 tokens a word
        ("Küçük bir kasabada tarih öğretmeni", False),
        ("Wittgensteinian", True),  # one rare word says nothing of the language
        ("", False),
        ("42 !", False),
        ("👩‍🚀", False),
    ],
)
def test_what_an_english_model_can_judge(english, text, is_readable):
    assert english.judge([text]).tolist() == [is_readable]


def test_a_text_beyond_the_window_is_not_judged_by_its_beginning(english):
    words = "a nurse who plays chess "
    assert english.judge([words * 40, words * 60]).tolist() == [True, False]
    everything = Readability(("*",), find_model_folder(PACKAGED_MODEL))
    assert everything.judge([words * 60, "一位考古学家", "42"]).tolist() == [False, True, False]


def test_further_scripts_are_read_where_they_are_set():
    reader = Readability(("Latin", "Han"), None)
    assert reader.judge(["考古学家 in Oslo", "考古学家", "ครูสอน", "考古学家、。！"]).tolist() == [
        True,
        True,
        False,
        True,
    ]


def test_a_script_that_does_not_exist_is_named():
    with pytest.raises(SettingsError, match=r"embedding\.scripts: 'Latn1' is no Unicode script"):
        Readability(("Latn1",), None)


def test_nothing_to_judge(english):
    assert english.judge([]).tolist() == []
