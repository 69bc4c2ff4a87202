import polars as pl

from persona_assets.dedup.match import DUPLICATE_COLUMNS, Thresholds, count_verdicts, split_verdicts
from persona_assets.dedup.preparation import prepare_personas
from persona_assets.dedup.rule import Deduplicator
from persona_assets_tests.dedup.doubles import GivenEncoder, frame_personas


def test_every_row_is_kept_or_dropped_and_each_stage_says_what_it_judged():
    encoder = GivenEncoder({"A": (1, 0, 0), "a!": (1, 0, 0), "B": (0, 1, 0), "C": (0, 1, 0.1)})
    personas = frame_personas(["A", "a!", "B", "C", "研究者", "者究研", "教師"])
    verdicts = Deduplicator(Thresholds()).decide(prepare_personas(personas, encoder, 0.9))
    kept, duplicates = split_verdicts(personas, verdicts)
    assert kept["persona_id"].to_list() == ["p0", "p2", "p4", "p6"]
    assert tuple(duplicates.columns) == DUPLICATE_COLUMNS
    assert duplicates["stage"].to_list() == ["exact", "embedding", "minhash"]
    assert count_verdicts(verdicts, pl.Series(["en"] * 4 + ["zh"] * 3)).to_dicts() == [
        row("en", rows=4, kept=2, judged=(4, 3, 3), lexical_only=0, dropped=(1, 0, 1)),
        row("zh", rows=3, kept=2, judged=(3, 3, 0), lexical_only=3, dropped=(0, 1, 0)),
    ]


def row(language, rows, kept, judged, lexical_only, dropped):
    stages = ("exact", "minhash", "embedding")
    return {
        "language": language,
        "rows": rows,
        "kept": kept,
        **{f"judged_{stage}": count for stage, count in zip(stages, judged, strict=True)},
        "lexical_only": lexical_only,
        **{f"dropped_{stage}": count for stage, count in zip(stages, dropped, strict=True)},
    }
