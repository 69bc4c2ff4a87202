import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.dedup.text import jaccard, normalise, tokenise


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("  A  “Retired”\tMiner! ", "a retired miner"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("Don’t", "dont"),
        ("the miners' union", "the miners union"),
        ("well-known—and loved", "well known and loved"),
        ("STRASSE Straße", "strasse strasse"),
        ("C# is not C, nor C++; 3.5%", "c# is not c nor c++ 3 5%"),
        ("soft\u00adhyphen zero\u200bwidth \ufeff", "softhyphen zerowidth"),
        ("「東京」の教師。", "東京 の教師"),
        ("cafe\u0301", "café"),
        ("!?", ""),
    ],
)
def test_normalising(text, normalised):
    assert normalise(text) == normalised


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="abcXYZ .,'-!\"\t", max_size=30))
def test_case_and_punctuation_and_space_do_not_count(text):
    assert normalise(text.upper()) == normalise(text) == normalise(f" {text}! ")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a retired miner a", {"a", "retired", "miner"}),
        ("研究者", {"研", "究", "者"}),
        ("データの人", {"デ", "ー", "タ", "の", "人"}),
        ("역사를 가르치는 교사", {"역사를", "가르치는", "교사"}),
        ("ครูสอน", {"ครู", "รูส", "ูสอ", "สอน"}),
        ("ครู", {"ครู"}),
        ("กข", {"กข"}),
        ("c++ 5%", {"c++", "5%"}),
        ("ai科技新闻 anchor", {"ai", "科", "技", "新", "闻", "anchor"}),
        ("bl漫画のfan", {"bl", "漫", "画", "の", "fan"}),
        ("👩 🚀", {"👩", "🚀"}),
        ("", {""}),
    ],
)
def test_tokens_fit_the_script(text, tokens):
    assert tokenise(text) == tokens


@pytest.mark.parametrize("script", ["ລາວແມ່ນຫຍັງ", "ភាសាខ្មែរ", "မြန်မာစာ", "ภาษาไทย"])
def test_scripts_without_spaces_are_no_single_token(script):
    assert len(tokenise(normalise(script))) > 3


@given(st.text())
def test_every_text_has_a_token_and_equals_itself(text):
    tokens = tokenise(normalise(text))
    assert tokens
    assert jaccard(tokens, tokens) == 1.0
