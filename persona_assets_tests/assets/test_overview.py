"""The picture that every materialisation has: it is a picture, the same for the same table, of any table."""

import base64
import io
import re
from collections import Counter

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.assets.overview import draw_overview
from persona_assets.assets.pictures import Picture, show_pictures
from persona_assets.llm.usage import Usage

TABLES = {
    "empty": pl.DataFrame(schema={"doc_id": pl.String, "text": pl.String}),
    "texts": pl.DataFrame({"doc_id": ["a", "b"], "text": ["one", None], "language": ["en", "de"]}),
    "rounds": pl.DataFrame(
        {"persona": [f"p{n}" for n in range(9)], "round": [1, 2, 3] * 3, "language": list("abcdefghi")}
    ),
    "scores": pl.DataFrame({"persona_id": ["a"], "score": [0.95]}),
    "turns": pl.DataFrame({"turns": [[{"role": "user", "content": "Hello"}], []]}),
}


def draw(name: str, account: Accounting, usage: Usage | None) -> str:
    rows = TABLES[name].lazy()
    return str(Picture("a table", lambda: draw_overview(rows, account, usage)).embed().value)


def open_picture(markdown: str) -> tuple[int, int]:
    from PIL import Image

    found = re.fullmatch(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", markdown)
    assert found
    size: tuple[int, int] = Image.open(io.BytesIO(base64.b64decode(found[1]))).size
    return size


@pytest.mark.parametrize("usage", [None, Usage(calls=3, cost=0.2), Usage(calls=1, unpriced=1)])
@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_picture(name: str, usage: Usage | None) -> None:
    rows = TABLES[name]
    account = Accounting.of_rows(rows.height + 3, rows.height, {"too_short": 2}, {"malformed": 1})
    drawn = draw(name, account, usage)
    assert drawn == draw(name, account, usage)
    wide, high = open_picture(drawn)
    assert wide >= 200
    assert high == 208


def test_many_reasons_are_cut_to_the_most_frequent() -> None:
    account = Accounting(rows=5, dropped=Counter({f"reason_{n}": n for n in range(40)}))
    assert open_picture(draw("texts", account, None))[1] == 208


def test_pictures_that_are_not_wanted_are_not_drawn() -> None:
    metadata = {"rows": 3, "overview": Picture("a table", lambda: pytest.fail("it was drawn"))}
    assert show_pictures(metadata, shown=False) == {"rows": 3}
