"""What a rewritten answer has in common with the original."""

import pytest

from persona_assets.characters.checks import share_copied, share_of_code_kept, share_of_numbers_kept

CODE = "Do this:\n```python\na = 1\nb = 2\nprint(a + b)\n```\nand be happy."


@pytest.mark.parametrize(
    ("answer", "original", "known", "share"),
    [
        ("", "no number", "", 1.0),
        ("", "12 eggs and 3 pans", "", 1.0),
        ("1, 2, 3", "3 2 1", "", 1.0),
        ("10, 20", "10 20 30 40", "", 0.5),
        ("10", "10 20 30 40", "40 and 30", 1.0),
        ("a thousand: 1000", "1,000 of 2.5 in 1998", "", 1 / 3),
        ("Three jars, fifteen pears and twenty-five plums.", "3 jars, 15 pears, 25 plums", "", 1.0),
        ("Wash, peel, cook.", "1. Wash\n2. Peel\n3) Cook\n**Step 4:** Eat", "", 1.0),
        ("First 12, then 13, then 14.", "1. 12\n2. 13\n3. 14", "", 1.0),
        ("Half a bag.", "2.5 kg\n3.5 kg\n4.5 kg", "", 0.0),
        ("", "```\n1 2 3 4\n```", "", 1.0),
    ],
)
def test_the_share_of_numbers(answer: str, original: str, known: str, share: float) -> None:
    assert share_of_numbers_kept(answer, original, known) == pytest.approx(share)


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("Well, my way:\n```\n  a = 1\n  b = 2\n  print(a + b)\n```", 1.0),
        ("Well: ```a=1``` and print(a + b).", 2 / 3),
        ("Well, add one and two.", 0.0),
    ],
)
def test_the_share_of_code(answer: str, share: float) -> None:
    assert share_of_code_kept(answer, CODE) == pytest.approx(share)
    assert share_of_code_kept(answer, "no code") == 1.0


@pytest.mark.parametrize(
    ("answer", "original", "share"),
    [
        ("", "one two three four five", 0.0),
        ("One, two, three; four: FIVE!", "one two three four five", 1.0),
        ("one two three four", "one two three four five", 0.0),
        ("one two three four five six seven eight nine ten", "one two three four five", 0.5),
        ("Photosynthesis transforms sunlight.", "Photosynthesis transforms sunlight.", 1.0),
        ("苍鹭是一种生活在水边的鸟。", "苍鹭是一种生活在水边的鸟。", 1.0),
        ("See: ```a b c d e f g```", "Here: ```a b c d e f g```", 0.0),
    ],
)
def test_the_share_copied(answer: str, original: str, share: float) -> None:
    assert share_copied(answer, original) == share
