import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.corpus.cleaning import clean_text
from persona_assets.corpus.passages import cut_passages

SAMPLES = {
    "English": "The tide came in. Nobody had expected it so soon; the boats were still on the sand! ",
    "Chinese": "灯塔看守人每天早上记录海浪的高度。没有人知道他为什么这样做！他已经做了四十年，从未间断。",
    "Japanese": "灯台守は毎朝、波の高さを書き留めた。誰もその理由を知らない。「なぜですか」と聞いた。",
    "Thai": "ผู้ดูแลประภาคารบันทึกความสูงของคลื่นทุกเช้า ไม่มีใครรู้ว่าทำไม เขาทำมาสี่สิบปีแล้ว ",
    "Hindi": "प्रकाशस्तंभ का रखवाला हर सुबह लहरों की ऊँचाई लिखता था। किसी को पता नहीं था क्यों। ",
    "Arabic": "كان حارس المنارة يكتب ارتفاع الأمواج كل صباح. هل يعرف أحد لماذا؟ لا أحد. ",
    "Khmer": "អ្នកយាមប៉មភ្លើងហ្វារកត់ត្រាកម្ពស់រលករៀងរាល់ព្រឹក។គ្មាននរណាដឹងថាហេតុអ្វីទេ។",
}


def _squeeze(text: str) -> str:
    return re.sub(r"\s", "", text)


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=3_000), st.integers(10, 500))
def test_no_text_is_lost_and_no_passage_is_too_long(text: str, max_chars: int) -> None:
    text = clean_text(text)
    passages = list(cut_passages(text, max_chars))
    assert _squeeze("".join(passages)) == _squeeze(text)
    assert all(0 < len(passage) <= max_chars for passage in passages)
    assert all(passage == passage.strip() for passage in passages)


@pytest.mark.parametrize("script", SAMPLES)
def test_passages_end_where_sentences_end(script: str) -> None:
    text = (SAMPLES[script] * 60).strip()
    passages = list(cut_passages(text, 1_000))
    assert len(passages) > 1
    assert all(350 <= len(passage) <= 1_000 for passage in passages)
    ends = {
        sentence.strip()[-1]
        for sentence in re.split(r"(?<=[.!。！？।។؟])|(?<=[」]) ", SAMPLES[script])
        if sentence.strip()
    }
    assert script == "Thai" or all(passage[-1] in ends | {"」"} for passage in passages)


def test_paragraphs_go_before_lines_and_sentences() -> None:
    text = "\n\n".join("One sentence. And another.\n" * 10 for _ in range(6))
    passages = list(cut_passages(clean_text(text), 700))
    assert all(passage.count("One sentence") in {10, 20} for passage in passages)


def test_the_last_passage_is_no_scrap() -> None:
    text = ("A sentence of the sea. " * 90).strip()
    lengths = [len(passage) for passage in cut_passages(text, 2_000)]
    assert len(lengths) == 2
    assert min(lengths) > 900


def test_a_letter_keeps_its_marks() -> None:
    for passage in cut_passages("नि" * 500, 101):
        assert passage.startswith("न")
        assert passage.endswith("ि")
