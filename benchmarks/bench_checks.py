"""How often each check of rows hits: good personas in many languages, a strong model's recorded replies, bad replies.

make bench-checks            # needs the published personas in PERSONA_ASSETS_TEST_DATA
make bench-checks WRITE=1    # puts the tables into docs/checks.md as well
"""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import polars as pl
from rich.console import Console

from persona_assets.accounting import Accounting
from persona_assets.characters.answer import answer_sessions
from persona_assets.characters.profiles import ATTRIBUTES, make_profiles
from persona_assets.characters.rewrite import rewrite_sessions
from persona_assets.characters.sessions import Session
from persona_assets.characters.suggestions import load_profile_prompt
from persona_assets.commands.demo import choose_settings, gather_result, run_demo
from persona_assets.corpus.language import detect_language
from persona_assets.llm.asker import Asker
from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import ChatRequest, Reply
from persona_assets.llm.tasks import Outcome, Task, answer_task
from persona_assets.personas.expand import expand_personas
from persona_assets.personas.persona_prompts import load_expansion_prompt, load_seed_prompt
from persona_assets.personas.seed import make_seed_personas
from persona_assets.prompts import Prompt, PromptFile, load_prompt
from persona_assets.recipes.conversations import judge_turn
from persona_assets.recipes.load import load_recipes
from persona_assets.recipes.make import Workshop, make_items
from persona_assets.recipes.recipe import Recipe
from persona_assets.recipes.sources import draw_source
from persona_assets.row_checks import CHECKS, RowChecks
from persona_assets.settings import (
    CharacterSettings,
    ExpansionSettings,
    ModelSettings,
    SandboxSettings,
    SeedSettings,
    TaskSettings,
    load_settings,
)
from persona_assets.tables import Batch

HERE = Path(__file__).parent / "checks"
PUBLISHED = Path(os.environ.get("PERSONA_ASSETS_TEST_DATA", ""), "personas", "personahub_2500.jsonl")
PROMPTS = HERE.parents[1] / "prompts"
QUESTION = "Could you tell me about this, please?"
PAGE = HERE.parents[1] / "docs" / "checks.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
PROFILE = {
    "name": "Ola Lind",
    "appearance": "Broad-shouldered and weathered, with a white beard cut short, pale eyes and a woollen cap that he"
    " takes off only in church.",
    "experience": "I ran the harbour of a small island for thirty-one years, first with a telephone and a ledger, then"
    " with radar, and I still wake when the wind goes round to the north-east.",
    "personality": "Slow to praise and quick to lend a hand, he distrusts anybody who talks of the weather without"
    " having looked at it, and he cannot leave a loose knot alone.",
}
NO_CHECKS = {
    "empty": "There is nothing in it.",
    "malformed": "It is not the JSON, or the pattern, that was asked for.",
    "no_agreement": "Too few answers to one question agree.",
    "refusal": "The model, or its provider's filter, declines to answer.",
    "truncated": "The provider cut it off at the limit of tokens.",
}
"""What refuses a reply before any check, and cannot be changed."""
NO_REPLIES = {"web_text", "source_instructions", "persona_hub", "sft_mix"}


@dataclass(slots=True)
class Replayed:
    """Stands where the client stands, and gives one reply to every request."""

    text: str
    finish_reason: str = "stop"
    settings: ModelSettings = field(default_factory=lambda: ModelSettings(name="bench/replayed"))
    names: tuple[str, ...] = ("bench/replayed",)
    window: int = 4

    async def ask(self, request: ChatRequest) -> Reply:
        return Reply("key", self.text, self.finish_reason, 1, 1, 0.0, response_format="schema")


@dataclass(frozen=True, slots=True)
class Hits:
    """What became of a reply: why items of it were refused, and the flags of each of its rows."""

    refused: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def checks(self) -> set[str]:
        return {*self.refused, *(flag for flags in self.rows for flag in flags)}

    @property
    def is_refused(self) -> bool:
        return not self.rows

    @property
    def is_flagged(self) -> bool:
        return bool(self.rows) and all(self.rows)


@dataclass(frozen=True, slots=True)
class Column:
    """Many replies: how many, how many each check hit, how many are no row, and how many make flagged rows alone."""

    of: int
    hits: Counter[str]
    refused: int
    flagged: int


@cache
def load_prompts() -> Mapping[str, Prompt[Any]]:
    return {
        "seed_personas": load_seed_prompt(PROMPTS),
        "expanded_personas": load_expansion_prompt(PROMPTS),
        "character_profiles": load_profile_prompt(PROMPTS),
        **{name: load_prompt(PROMPTS / f"{name}.yaml", PromptFile) for name in ("dialogues_r", "dialogues_g")},
        **{recipe.content.asset: recipe for recipe in load_recipes(PROMPTS / "recipes")},
    }


def make_asker(reply: Replayed, task: str, prompt: Prompt[Any] | None = None, **settings: Any) -> Asker[Any]:
    # One reply a row: where answers vote, this one is alone.
    task_settings = TaskSettings(candidates=1, **settings)
    return Asker(cast("ModelClient", reply), prompt or load_prompts()[task], task, "bench", task_settings)


def collect(batches: AsyncIterator[Batch]) -> Hits:
    async def read() -> list[Batch]:
        return [batch async for batch in batches]

    read_batches = asyncio.run(read())
    return Hits(
        [reason for batch in read_batches for reason in batch.quarantined["reason"]],
        [flags for batch in read_batches for flags in batch.rows["flags"].to_list()],
    )


def tell_language(text: str) -> str:
    """The language of what a model is asked about, as the lake would have it; of a few words English."""
    return detect_language(text) if len(text) > 60 else "en"


def judge_seed(reply: Replayed, document: str, language: str) -> Hits:
    documents = pl.LazyFrame({"doc_id": ["doc"], "text": [document], "license": [""], "language": [language]})
    asker = make_asker(reply, "seed_personas")
    return collect(make_seed_personas(asker, documents, SeedSettings(language="same")))


def judge_relative(reply: Replayed, parent: str) -> Hits:
    seeds = pl.DataFrame(
        {
            "persona_id": ["per_1"],
            "persona": [parent],
            "language": [tell_language(parent)],
            "license": [""],
            "flags": pl.Series([[]], dtype=pl.List(pl.String)),
        }
    )

    def find_new(personas: pl.DataFrame) -> pl.Series:
        return pl.Series([True] * personas.height, dtype=pl.Boolean)

    asker = make_asker(reply, "expanded_personas")
    return collect(expand_personas(asker, seeds, ExpansionSettings(rounds=1), (), find_new, []))


def judge_profile(reply: Replayed, persona: str) -> Hits:
    personas = pl.LazyFrame({"persona_id": ["per_1"], "persona": [persona], "language": [tell_language(persona)]})
    return collect(make_profiles(make_asker(reply, "character_profiles"), personas, CharacterSettings()))


def judge_dialogue(artifact: str, reply: Replayed, source: str) -> Hits:
    """Judge a dialogue: G answers the source, R rewrites it, several answers separated by a stroke."""
    character = {"character_id": "chr_1", "persona_id": "per_1", "persona": "A retired harbour master"}
    character |= dict.fromkeys(ATTRIBUTES, "somebody else") | PROFILE
    turns = [{"role": "user", "content": source}]
    if artifact == "dialogues_r":
        answers = source.split(" / ") if "answer_2" in reply.text else [source]
        turns = [
            turn
            for answer in answers
            for turn in ({"role": "user", "content": QUESTION}, {"role": "assistant", "content": answer})
        ]
    make = rewrite_sessions if artifact == "dialogues_r" else answer_sessions
    return collect(make(make_asker(reply, artifact), [Session("ins_1", tuple(turns), "", character)]))


def judge_recipe(reply: Replayed, artifact: str, source: str) -> Hits:
    recipe = load_prompts()[artifact]
    content = recipe.content
    row: dict[str, Any] = {"persona_id": "per_1", "persona": source, "language": "en"}
    if content.reads != "persona_hub":
        row |= {"item_id": "itm_1", "problem": source, "answer": "", "instruction": source}
    if artifact == "tool_code":
        row |= {"example_call": "", "example_result": "", **json.loads(source)}
    if content.conversation:
        return judge_talk(reply, recipe, row)
    if content.agreement:
        agreement = content.agreement.model_copy(update={"at_least": 1})
        recipe = Prompt(recipe.name, recipe.version, content.model_copy(update={"agreement": agreement}))
    # The world that the reply speaks of, so that a check finds what is wrong, and not the schema.
    worlds = [name for name, world in content.worlds.items() if any(place in reply.text for place in world.places)]
    asker = make_asker(reply, artifact, recipe, draws={"world": worlds[0]} if worlds else {})
    workshop = Workshop(load_prompts()["seed_personas"], compare_nothing, SandboxSettings())
    return collect(make_items(asker, pl.LazyFrame([row]), workshop))


async def compare_nothing(texts: Iterable[str]) -> list[list[float]]:
    raise NotImplementedError(f"{texts} are compared, and no demonstration is chosen here")


def judge_talk(reply: Replayed, recipe: Recipe, row: Mapping[str, Any]) -> Hits:
    """Judge one turn of the persona."""
    source = draw_source(recipe.content, recipe.content.all_draws, row, 0)
    checks = recipe.content.change_checks(RowChecks())
    task = Task("row", ChatRequest("bench/replayed", [], None, None), None)

    async def judge() -> Outcome[None]:
        return await answer_task(reply, task, lambda _, values: judge_turn(values["text"], True, source, [], checks))

    outcome = asyncio.run(judge())
    refused = [refusal.reason for refusal in outcome.refusals]
    return Hits(refused, [outcome.values["flags"]] if outcome.values else [])


def judge_bad_row(row: Mapping[str, str]) -> Hits:
    artifact, source = row["artifact"], row["source"]
    reply = Replayed(row["reply"], row["finish_reason"])
    match artifact:
        case "seed_personas":
            return judge_seed(reply, source, tell_language(source))
        case "expanded_personas":
            return judge_relative(reply, source)
        case "character_profiles":
            return judge_profile(reply, source)
        case "dialogues_r" | "dialogues_g":
            return judge_dialogue(artifact, reply, source)
    return judge_recipe(reply, artifact, source)


def judge_persona(persona: str, language: str) -> Hits:
    reply = Replayed(json.dumps({"personas": [{"relation": "read", "persona": persona}]}, ensure_ascii=False))
    return judge_seed(reply, "A document about something else.", language)


def run_sample() -> Column:
    """Run the sample on its recorded replies."""
    with tempfile.TemporaryDirectory() as folder:
        settings = choose_settings(load_settings(), live=False, record=None)
        paths = settings.paths.model_copy(update={"data": Path(folder), "prompts": PROMPTS})
        settings = settings.model_copy(update={"paths": paths})
        run_demo(settings, Console(quiet=True))
        accounts = gather_result(settings).accounts
    total = Accounting()
    for name, account in accounts.items():
        if name not in NO_REPLIES:
            total.add(account)
    hits = total.quarantined + total.flags
    return Column(total.rows + total.quarantined.total(), hits, total.quarantined.total(), total.flagged)


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tabulate(columns: Mapping[str, Column]) -> Iterator[str]:
    yield "| check | by default | " + " | ".join(columns) + " | hits where |"
    yield "|---|---|" + "---|" * (len(columns) + 1)
    known = {name: check.level for name, check in CHECKS.items()}
    others = sorted({name for column in columns.values() for name in column.hits} - set(known))
    for name, level in {**known, **dict.fromkeys(others, "refuse")}.items():
        counts = " | ".join(f"{column.hits[name] or ''}" for column in columns.values())
        yield f"| `{name}` | {level} | {counts} | {explain(name)} |"
    for word in ("refused", "flagged"):
        counts = " | ".join(f"**{getattr(column, word):,}**" for column in columns.values())
        yield f"| **{word}** | | {counts} | |"


def explain(name: str) -> str:
    if name not in CHECKS:
        return NO_CHECKS.get(name, "")
    check = CHECKS[name]
    parameters = "".join(f" `{parameter} = {value:g}`." for parameter, value in check.parameters.items())
    return check.description + parameters


def tabulate_kinds(name: str, bad: Sequence[Mapping[str, str]], hits: Sequence[Hits]) -> Iterator[str]:
    yield f"| {name} | replies | refused | flagged | passed |\n|---|---|---|---|---|"
    for kind in dict.fromkeys(row["kind"] for row in bad):
        column = count([hit for row, hit in zip(bad, hits, strict=True) if row["kind"] == kind])
        passed = column.of - column.refused - column.flagged
        yield f"| {kind.replace('_', ' ')} | {column.of} | {column.refused} | {column.flagged} | {passed or ''} |"


def count(hits: Sequence[Hits]) -> Column:
    return Column(
        len(hits),
        Counter(check for one in hits for check in one.checks),
        sum(one.is_refused for one in hits),
        sum(one.is_flagged for one in hits),
    )


def main(write: bool) -> None:
    """Print the tables, and what of the bad replies passed; put the tables into the page if that is wanted."""
    if not PUBLISHED.is_file():
        sys.exit(f"{PUBLISHED} is no file: set PERSONA_ASSETS_TEST_DATA to the folder of the published personas.")
    bad, unseen = read_lines(HERE / "bad_rows.jsonl"), read_lines(HERE / "unseen_rows.jsonl")
    published = [row["persona"] for row in read_lines(PUBLISHED)]
    several = [(row["persona"], row["language"]) for row in read_lines(HERE / "personas.jsonl")]
    hits, unseen_hits = ([judge_bad_row(row) for row in rows] for rows in (bad, unseen))
    columns = {
        "published": count([judge_persona(persona, detect_language(persona)) for persona in published]),
        "six languages": count([judge_persona(*one) for one in several]),
        "recorded": run_sample(),
        "bad": count(hits),
        "unseen": count(unseen_hits),
    }
    named = {f"{name} ({column.of:,})": column for name, column in columns.items()}
    kinds = [*tabulate_kinds("bad", bad, hits), "", *tabulate_kinds("unseen", unseen, unseen_hits)]
    text = "\n".join([*tabulate(named), "", *kinds])
    print(text)
    for row, hit in zip(bad, hits, strict=True):
        if not hit.is_refused and not hit.is_flagged:
            print("passed:", row["artifact"], row["kind"], " ".join(row["reply"].split())[:200])
    if write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main("--write" in sys.argv)
