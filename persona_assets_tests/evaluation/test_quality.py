"""The quality of rows as a set: measures that move when the rows get worse."""

import polars as pl
import pytest

from persona_assets.accounting import Accounting
from persona_assets.embedding.encoder import Encoder
from persona_assets.evaluation.quality import Quality, measure_quality
from persona_assets.recipes.draws import Option
from persona_assets.settings import EmbeddingSettings

TRADES = (
    (
        "A ferry pilot on a wide river.",
        "The ferry leaves at seven and crosses the river in nine minutes against the tide.",
    ),
    ("A baker of rye bread.", "Knead the rye dough until it no longer sticks to the bowl, and let it rise overnight."),
    ("A judge who plants pears.", "The court adjourns at noon, and in the orchard the pear grafts want water."),
    ("A nurse on a night ward.", "Check the drip every hour on the ward and write down the patient's temperature."),
    ("A mountain guide with bad knees.", "Rope up before the glacier and turn back when the summit is in cloud."),
    ("A tax clerk in a small town.", "The form for income tax is due in May, with receipts for every deduction."),
    ("A violin maker.", "The spruce for the violin's top must dry for ten years before it is carved and glued."),
    ("A beekeeper on a roof.", "In spring the hive needs sugar water until the lime trees bloom and bees find nectar."),
    ("A crane operator at the docks.", "The crane lifts a container of thirty tons off the ship in strong wind."),
    ("A school librarian.", "Children borrow the library's comics first, so the shelf stands beside the door."),
    ("A vet for cattle.", "The cow has a fever, so the calf is fed by bottle and the vet comes back at night."),
    ("A chess teacher.", "Give up a pawn early in the opening and take the centre with both knights."),
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(EmbeddingSettings())


def measure(encoder: Encoder, rows: list[tuple[str, str]], **account: int) -> Quality:
    frame = pl.DataFrame(rows, schema={"persona": pl.String, "text": pl.String}, orient="row")
    accounting = Accounting.of_rows(
        account.get("read", frame.height), frame.height, {}, {"refusal": account.get("refused", 0)}
    )
    return measure_quality(frame, accounting, encoder, 0.9, 100)


def test_different_rows_of_their_own_personas_are_good(encoder: Encoder) -> None:
    quality = measure(encoder, list(TRADES))
    assert quality.rows == quality.sampled == 12
    assert quality.persona_match > 0.8
    assert quality.near_duplicates == 0
    assert quality.distinct_2 > 0.9
    assert 10 < quality.vendi <= 12.01
    assert quality.languages == {"en": 12}
    assert quality.by_persona["pairs"].sum() == 66
    assert quality.valid == 1


def test_rows_that_repeat_each_other_are_seen(encoder: Encoder) -> None:
    text = TRADES[0][1]
    quality = measure(encoder, [(persona, text.replace("seven", str(n))) for n, (persona, _) in enumerate(TRADES)])
    assert quality.near_duplicates == 1
    assert quality.vendi < 1.5
    assert quality.distinct_2 < 0.4
    assert quality.compression > measure(encoder, list(TRADES)).compression
    assert quality.persona_match <= 0.25


def test_rows_of_other_personas_are_seen(encoder: Encoder) -> None:
    texts = [text for _, text in TRADES]
    shifted = [(persona, texts[(n + 1) % 12]) for n, (persona, _) in enumerate(TRADES)]
    assert measure(encoder, shifted).persona_match < 0.2


def test_shares_are_of_what_was_parsed(encoder: Encoder) -> None:
    quality = measure(encoder, list(TRADES), read=24, refused=12)
    assert (quality.valid, quality.refused) == (0.5, 0.5)


def test_rows_that_keep_to_what_was_drawn_are_told_from_others(encoder: Encoder) -> None:
    draws = {
        "topic": {"water": Option(text="rivers, ships and the sea"), "food": Option(text="baking bread and cooking")}
    }
    rows = [
        ("A pilot.", "The ferry crosses the river against the tide of the sea.", "water"),
        ("A cook.", "Knead the dough of the bread and bake it in the oven.", "food"),
        ("A cook.", "Sail the ship along the coast into the harbour.", "food"),
        ("A pilot.", "Nothing that the file knows.", "knots"),
    ]
    frame = pl.DataFrame(rows, schema=["persona", "text", "topic"], orient="row")
    quality = measure_quality(frame, Accounting.of_rows(4, 4, {}, {}), encoder, 0.9, 100, draws)
    assert quality.constraint_match == {"topic": pytest.approx(2 / 3)}


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_are_no_error(n: int, encoder: Encoder) -> None:
    quality = measure(encoder, list(TRADES[:n]))
    assert quality.sampled == n
    assert quality.persona_match == 0
    assert quality.near_duplicates == 0
