"""What the quality of a recipe's rows looks like in the UI."""

from functools import partial
from typing import Any

import dagster as dg

from persona_assets.assets.pictures import Picture
from persona_assets.evaluation.quality import Quality

_SIMILARITY = "Similarity of rows by that of their personas"
_SHOWN = (
    ("valid", "share of the replies that passed the checks"),
    ("refused", "share of the replies in which the model declined"),
    ("median_chars", "characters of a row"),
    ("distinct_1", "different words of all words"),
    ("distinct_2", "different pairs of words of all pairs"),
    ("compression", "characters a byte of the compressed texts"),
    ("vendi", "effective number of different rows"),
    ("near_duplicates", "share of the rows to which another one is nearly the same"),
    ("persona_match", "share of the rows nearer to their own persona than to nine others"),
)


def describe_quality(quality: Quality) -> dict[str, Any]:
    """The metadata: numbers that the UI plots over the runs, a table with languages, and a picture."""
    if not quality.sampled:
        return {}
    lines = ["| measure | | meaning |", "|---|---|---|", f"| sampled | {quality.sampled} | rows looked at |"]
    lines += [f"| {name} | {getattr(quality, name):.3g} | {meaning} |" for name, meaning in _SHOWN]
    lines += [
        f"| {name}_match | {share:.3g} | share of the rows nearer to the {name} drawn for them than to any other |"
        for name, share in quality.constraint_match.items()
    ]
    languages = ", ".join(f"{language} {count}" for language, count in quality.languages.items())
    lines.append(f"| languages | {languages} | rows by language |")
    metadata: dict[str, Any] = {
        "distinct_2": quality.distinct_2,
        "near_duplicates": quality.near_duplicates,
        "persona_match": quality.persona_match,
        "valid": quality.valid,
        "vendi": quality.vendi,
        "quality": dg.MetadataValue.md("\n".join(lines)),
    }
    if quality.by_persona.height > 1:
        metadata["similarity_by_persona"] = Picture(_SIMILARITY, partial(_draw, quality))
    return metadata


def _draw(quality: Quality) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.13, right=0.98, bottom=0.12, top=0.98)
    middles = ((quality.by_persona["from"] + quality.by_persona["to"]) / 2).to_list()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="as near as their personas")
    axes.plot(middles, quality.by_persona["cosine"].to_list(), "o-", color="#3b6ea5", label="rows")
    axes.set_xlabel("cosine of two personas")
    axes.set_ylabel("mean cosine of their rows")
    axes.legend(fontsize="small")
    return figure
