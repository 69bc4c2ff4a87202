"""Personas with planted near-duplicates and hard negatives, made by stated rules: the same for everyone.

A persona is drawn from word lists (4 * 10^15 of them are different), or, where a file of personas is given, crossed
from the beginning of one and the end of another, which keeps the words of real ones.

| kind | the second text of a pair | is it the same persona |
|---|---|---|
| case | in capitals, or without any | yes |
| punctuation | with a full stop, commas, quotes, dashes | yes |
| word_order | with its two last clauses exchanged | yes |
| added_word | with one more adverb | yes |
| synonym | with one to three words replaced by synonyms | yes |
| paraphrase | written anew by hand | yes |
| script | in full-width letters; Chinese, Japanese, Thai, Russian with another punctuation or a word more | yes |
| profession, place, number, negation | with another profession, place, number, or "not" | no |
| foreign | another person in Chinese, Japanese, Thai, Russian | no |
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HAND_WRITTEN = Path(__file__).parent / "near_duplicates.jsonl"


@dataclass(frozen=True)
class Pair:
    """Two texts, and whether they describe the same persona."""

    kind: str
    first: str
    second: str
    is_same: bool


@dataclass(frozen=True)
class Parts:
    """What a persona is put together of."""

    trait: str
    job: str
    place: str
    years: int
    habit: str
    aim: str

    def write(self, *, turned: bool = False) -> str:
        clauses = (self.aim, self.habit) if turned else (self.habit, self.aim)
        article = "An" if self.trait[0] in "aeiou" else "A"
        start = f"{article} {self.trait} {self.job} of {self.years} from {self.place}"
        return f"{start}, who {' and '.join(clauses)}"


def _list(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",")]


TRAITS = _list(
    "quiet, ambitious, retired, soft-spoken, stubborn, meticulous, restless, cheerful, sceptical, devout, thrifty, "
    "impatient, curious, left-handed, self-taught, widowed, newly married, bilingual, short-sighted, sleepless, "
    "outspoken, shy, generous, disciplined, forgetful, witty, homesick, proud, cautious, adventurous, melancholic, "
    "practical, dreamy, argumentative, patient, absent-minded, competitive, frugal, idealistic, blunt, gentle, "
    "jovial, nostalgic, observant, punctual, rebellious, reserved, sentimental, tireless, unhurried, vegetarian, "
    "superstitious"
)
JOBS = _list(
    "nurse, bus driver, marine biologist, tax adviser, baker, structural engineer, primary school teacher, "
    "goldsmith, midwife, notary, shepherd, crane operator, astronomer, hairdresser, bookbinder, pharmacist, tram "
    "conductor, violin maker, dentist, fisherman, court interpreter, beekeeper, software tester, coal miner, "
    "florist, judge, lighthouse keeper, chemist, postman, tailor, economist, dairy farmer, radio presenter, "
    "plumber, archivist, paramedic, chess coach, glassblower, customs officer, translator, carpenter, seismologist, "
    "waitress, lawyer, gravedigger, physiotherapist, piano tuner, statistician, butcher, flight attendant, museum "
    "guide, welder, speech therapist, brewer, forester, cartographer, locksmith, optician, sculptor, firefighter, "
    "actuary, jockey, surveyor, stage designer, night porter, geneticist, cobbler, air traffic controller, "
    "gardener, private detective, ferry captain, watchmaker, social worker, data analyst, tattoo artist, potter, "
    "bank clerk, mountain guide, veterinarian, proofreader, sound engineer, upholsterer, diplomat, street sweeper, "
    "puppeteer, roofer, librarian, cheesemaker, geologist, driving instructor, choir director, sommelier, "
    "electrician, botanist, taxi dispatcher"
)
PLACES = _list(
    "Oslo, Lagos, Kyoto, Lima, Tbilisi, Cork, Adelaide, Winnipeg, Zagreb, Hanoi, Marrakesh, Bergen, Quito, Tallinn, "
    "Mumbai, Havana, Gdansk, Tunis, Seville, Perth, Medellin, Riga, Nairobi, Osaka, Glasgow, Bursa, Cebu, Leipzig, "
    "Porto, Baku, Dakar, Calgary, Isfahan, Malmo, Trieste, Accra, Busan, Valparaiso, Kazan, Galway, Ghent, Yerevan, "
    "Santiago, Dunedin, Zurich, Amman, Pune, Tromso, Lusaka, Nagoya, Bilbao, Kampala, Split, Montevideo, Aarhus, "
    "Chennai, Halifax, Windhoek, Krakow, Bologna, Hobart, Lahore, Recife, Vilnius, Antwerp, Mombasa, Dresden, "
    "Tampere"
)
VERBS = _list(
    "collects, repairs, photographs, sketches, restores, studies, sells, paints, describes, catalogues, builds, "
    "draws, admires, lends out, hides, gives away, trades, polishes, writes about, teaches children about, dreams "
    "of, buys, invents, measures, copies, carves, rents out, quarrels about, jokes about, remembers"
)
THINGS = _list(
    "railway timetables, wooden boats, church bells, newspaper cuttings, postage stamps, folk songs, bread ovens, "
    "chess problems, cricket bats, detective novels, bus routes, alpine flowers, elevator shafts, film posters, "
    "garden gnomes, harbour cranes, ink bottles, jazz records, kite frames, lace collars, mountain huts, night "
    "trains, old maps, piano rolls, quilts, rain gauges, sea urchins, tango shoes, umbrellas, violins, weather "
    "diaries, yoga mats, zithers, accordions, beetles, cactus seeds, dialects, empty playgrounds, fountain pens, "
    "ghost stories, hedgehogs, ice skates, jigsaw puzzles, knitting patterns, lighthouses, mushrooms, nutcrackers, "
    "orchids, puppets, radio plays, satellites, tomatoes, urban legends, vineyards, windmills, birdhouses, candles, "
    "drums, engravings, fossils, globes, harps, insects, jam recipes, keys, lanterns, marbles, nautical charts, oil "
    "lamps, pottery, roof tiles, saddles, telescopes, tunnels, typewriters, waterfalls, wells, whistles, bicycles, "
    "barometers"
)
WHEN = _list(
    "before dawn, on Sundays, at the kitchen table, with pensioners, in the cellar, after every shift, for "
    "neighbours, on the night train, in winter only, near the canal, without any help, since the divorce, for the "
    "parish, at street fairs, in a rented garage, between two jobs, every second Friday, with a twin sister, "
    "against medical advice, in the old cinema, for a local charity, under a false name, by candlelight, during "
    "lunch breaks, in complete silence, while abroad, from memory, for the grandchildren, with borrowed tools, on "
    "the balcony"
)
PLANS = _list(
    "hopes to open a museum of, wants to write a book about, plans to exhibit, is saving for, fears losing, refuses "
    "to part with, is suing a landlord over, campaigns for a law on, mentors apprentices in, raises money for, was "
    "cheated over, intends to inherit, lectures on, distrusts experts on, has patents on, is known abroad for, "
    "would give everything for, has lost interest in, organises a fair of, keeps a shop for, tests, insures, "
    "translates manuals for, smuggles, imports, reviews, designs, wants to ban, is allergic to, researches"
)
SYNONYMS = {
    "quiet": "silent", "cheerful": "merry", "thrifty": "economical", "stubborn": "obstinate", "retired": "pensioned",
    "proud": "haughty", "shy": "timid", "collects": "gathers", "repairs": "mends", "keeps": "maintains",
    "wants": "wishes", "hopes": "aspires", "plans": "intends", "fears": "dreads", "writes": "composes",
    "reads": "peruses", "old": "aged", "small": "little", "learns": "masters", "builds": "constructs",
    "postman": "mailman", "lawyer": "attorney", "veterinarian": "vet", "paramedic": "ambulance medic",
    "film": "movie", "house": "home", "strangers": "unknown people", "children": "kids", "distrusts": "mistrusts",
    "cooks": "prepares", "dreams": "fantasises", "argues": "quarrels",
}  # fmt: skip
ADVERBS = ("truly", "rather", "usually", "nowadays", "really", "always", "often", "gladly")
_CLAUSE = re.compile(r"\s+(?=(?:who|with|that|specializing|interested|passionate|working|seeking|from|in|of|for)\b)")


def draw_parts(draw: random.Random) -> Parts:
    return Parts(
        trait=draw.choice(TRAITS),
        job=draw.choice(JOBS),
        place=draw.choice(PLACES),
        years=draw.randint(19, 89),
        habit=f"{draw.choice(VERBS)} {draw.choice(THINGS)} {draw.choice(WHEN)}",
        aim=f"{draw.choice(PLANS)} {draw.choice(THINGS)}",
    )


def iter_personas(seed: int, file: Path | None) -> Iterator[str]:
    """Different personas without end."""
    draw, seen = random.Random(seed), set[str]()
    make = cross_personas(file, draw) if file else lambda: draw_parts(draw).write()
    while True:
        persona = make()
        if persona not in seen:
            seen.add(persona)
            yield persona


def cross_personas(file: Path, draw: random.Random) -> Callable[[], str]:
    """A function that joins the beginning of one persona of a file and the end of another."""
    beginnings, ends = [], []
    for line in file.read_text().splitlines():
        text = json.loads(line)["persona"].strip().rstrip(".")
        cuts = [match.start() for match in _CLAUSE.finditer(text)]
        cut = next((cut for cut in cuts if len(text[:cut].split()) > 1 and len(text[cut:].split()) > 2), None)
        if cut:
            beginnings.append(text[:cut])
            ends.append(text[cut:].strip())
    return lambda: f"{draw.choice(beginnings)} {draw.choice(ends)}"


def change_case(text: str, draw: random.Random) -> str:
    return text.upper() if draw.random() < 0.5 else text.lower()


def change_punctuation(text: str, draw: random.Random) -> str:
    return draw.choice((f"{text}.", f'"{text}"', text.replace(" and ", " – and "), f"{text.replace(',', '')}!"))


def exchange_clauses(text: str, draw: random.Random) -> str:
    start, _, clauses = text.rpartition(" who ")
    first, _, second = clauses.partition(" and ")
    if start and second:
        return f"{start} who {second} and {first}"
    words = text.split()
    cut = len(words) // 2
    return " ".join(words[cut:] + words[:cut])


def add_word(text: str, draw: random.Random) -> str:
    words = text.split()
    words.insert(draw.randrange(1, len(words)), draw.choice(ADVERBS))
    return " ".join(words)


def replace_synonyms(text: str, draw: random.Random) -> str:
    words = text.split()
    places = [place for place, word in enumerate(words) if word in SYNONYMS]
    for place in draw.sample(places, min(len(places), 3)):
        words[place] = SYNONYMS[words[place]]
    return " ".join(words)


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "case": change_case,
    "punctuation": change_punctuation,
    "word_order": exchange_clauses,
    "added_word": add_word,
    "synonym": replace_synonyms,
}


def make_hub(rows: int, copies: int, seed: int = 0, file: Path | None = None) -> list[str]:
    """Personas of which some are planted copies of earlier ones, each kind of change equally often."""
    draw = random.Random(seed)
    source = iter_personas(seed, file)
    originals = [next(source) for _ in range(rows - copies)]
    kinds = list(CHANGES.values())
    planted = [kinds[n % len(kinds)](draw.choice(originals), draw) for n in range(copies)]
    first = originals[: rows // 10]
    rest = originals[rows // 10 :] + planted
    draw.shuffle(rest)
    return first + rest


def make_pairs(each: int = 100, seed: int = 0) -> list[Pair]:
    """The labelled set: pairs by rule, `each` of every kind, and those that were written by hand."""
    draw = random.Random(seed)
    pairs = [Pair(**json.loads(line)) for line in HAND_WRITTEN.read_text().splitlines()]
    for kind, change in CHANGES.items():
        while sum(pair.kind == kind for pair in pairs) < each:
            text = draw_parts(draw).write()
            changed = change(text, draw)
            if changed != text:
                pairs.append(Pair(kind, text, changed, is_same=True))
    for _ in range(each):
        pairs += _make_negatives(draw_parts(draw), draw)
    return pairs


def _make_negatives(parts: Parts, draw: random.Random) -> Sequence[Pair]:
    text = parts.write()
    others = {
        "profession": Parts(**{**_fields(parts), "job": draw.choice([job for job in JOBS if job != parts.job])}),
        "place": Parts(**{**_fields(parts), "place": draw.choice([p for p in PLACES if p != parts.place])}),
        "number": Parts(**{**_fields(parts), "years": (parts.years + draw.randint(10, 30)) % 70 + 19}),
    }
    pairs = [Pair(kind, text, other.write(), is_same=False) for kind, other in others.items()]
    return [*pairs, Pair("negation", text, f"{text}, but not any more since the accident", is_same=False)]


def _fields(parts: Parts) -> dict[str, str | int]:
    return {name: getattr(parts, name) for name in Parts.__dataclass_fields__}
