"""Personas with planted near-duplicates and hard negatives, made by stated rules: the same for everyone.

A persona is drawn from word lists (4 * 10^10 of them are different), or, where a file of personas is given, crossed
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
        start = f"{article} {self.trait} {self.job} from {self.place} with {self.years} years of experience"
        return f"{start}, who {' and '.join(clauses)}"


def _list(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",")]


TRAITS = _list(
    "quiet, ambitious, retired, soft-spoken, stubborn, meticulous, restless, cheerful, sceptical, devout, thrifty,"
    " impatient, curious, left-handed, self-taught, widowed, newly married, bilingual, short-sighted, sleepless,"
    " outspoken, shy, generous, disciplined, forgetful, witty, homesick, proud, cautious, adventurous, melancholic,"
    " practical, dreamy, argumentative, patient, absent-minded, competitive, frugal, idealistic, blunt, gentle, jovial,"
    " nostalgic, observant, punctual, rebellious, reserved, sentimental, tireless, unhurried, vegetarian, superstitious"
)
JOBS = _list(
    "nurse, bus driver, marine biologist, tax adviser, baker, structural engineer, primary school teacher, goldsmith,"
    " midwife, notary, shepherd, crane operator, astronomer, hairdresser, bookbinder, pharmacist, tram conductor,"
    " violin maker, dentist, fisherman, court interpreter, beekeeper, software tester, coal miner, florist, judge,"
    " lighthouse keeper, chemist, postman, tailor, economist, dairy farmer, radio presenter, plumber, archivist,"
    " paramedic, chess coach, glassblower, customs officer, translator, carpenter, seismologist, waitress, lawyer,"
    " gravedigger, physiotherapist, piano tuner, statistician, butcher, flight attendant, museum guide, welder,"
    " speech therapist, brewer, forester, cartographer, locksmith, optician, sculptor, firefighter, actuary, jockey,"
    " surveyor, stage designer, night porter, geneticist, cobbler, air traffic controller, gardener, private detective,"
    " ferry captain, watchmaker, social worker, data analyst, tattoo artist, potter, bank clerk, mountain guide,"
    " veterinarian, proofreader, sound engineer, upholsterer, diplomat, street sweeper, puppeteer, roofer, librarian,"
    " cheesemaker, geologist, driving instructor, choir director, sommelier, electrician, botanist, taxi dispatcher"
)
PLACES = _list(
    "Oslo, Lagos, Kyoto, Lima, Tbilisi, Cork, Adelaide, Winnipeg, Zagreb, Hanoi, Marrakesh, Bergen, Quito, Tallinn,"
    " Mumbai, Havana, Gdansk, Tunis, Seville, Perth, Medellin, Riga, Nairobi, Osaka, Glasgow, Bursa, Cebu, Leipzig,"
    " Porto, Baku, Dakar, Calgary, Isfahan, Malmo, Trieste, Accra, Busan, Valparaiso, Kazan, Galway, Ghent, Yerevan,"
    " Santiago, Dunedin, Zurich, Amman, Pune, Tromso, Lusaka, Nagoya, Bilbao, Kampala, Split, Montevideo, Aarhus,"
    " Chennai, Halifax, Windhoek, Krakow, Bologna, Hobart, Lahore, Recife, Vilnius, Antwerp, Mombasa, Dresden, Tampere"
)
HABITS = _list(
    "collects old railway timetables, swims in cold rivers before dawn, writes letters to strangers, repairs clocks at"
    " the kitchen table, sings in a church choir, keeps bees on the roof, learns a poem by heart every week, photographs"
    " empty playgrounds, plays chess by mail, bakes rye bread on Sundays, restores wooden boats, follows every cricket"
    " match, grows tomatoes on a balcony, reads detective novels at night, sketches passengers on the train, trains for"
    " a marathon, fosters stray dogs, watches birds in the marshes, brews elderflower wine, tells ghost stories to"
    " children, dances tango on Fridays, builds model aeroplanes, knits socks for newborns, studies Latin inscriptions,"
    " plays the accordion at weddings, coaches a youth football team, hunts for mushrooms, records dialects of the"
    " valley, volunteers at a soup kitchen, memorises bus routes, paints watercolours of harbours, juggles at"
    " street fairs, keeps a weather diary, climbs bell towers, translates folk songs, carves spoons from birch, cycles"
    " across mountain passes, repairs bicycles for neighbours, quotes Seneca at breakfast, hoards newspaper cuttings,"
    " plays bridge with pensioners, dives for sea urchins, trades postage stamps, cooks lentil stew for a crowd, tunes"
    " shortwave radios, argues about grammar, embroiders tablecloths, tracks satellites with a telescope, walks barefoot"
    " in the rain, keeps a terrarium of beetles, listens to jazz records, solves cryptic crosswords, plants trees in"
    " abandoned lots, rows on the canal, writes limericks about colleagues, sharpens knives for the whole street"
)
AIMS = _list(
    "hopes to open a small museum, wants to reform the local school board, plans to sail around the world, is saving for"
    " a hearing aid, fears losing the family house, dreams of publishing a cookbook, is learning to code at night, cares"
    " for a parent with dementia, refuses to own a telephone, wants to run for mayor, is writing a history of the"
    " harbour, distrusts every bank, longs to see the northern lights, is suing a former landlord, mentors young"
    " apprentices, campaigns against a new motorway, wants to adopt twins, is recovering from a broken hip, teaches"
    " sign language to colleagues, intends to walk to Rome, is looking for a lost brother, organises a yearly flea"
    " market, believes in lucid dreams, has given up sugar, invests in wind power, prepares for a second degree, mistrusts"
    " weather forecasts, wants to save an old cinema, is designing a board game, worries about rising rents, supports a"
    " refugee family, fights for better lighting in the park, plans a garden for the blind, hopes for a transfer to the"
    " coast, wants to learn to ride a horse, writes reviews of public libraries, tries to live without plastic, is"
    " building a harpsichord, secretly composes film music, raises money for a clinic, wishes to retire early, is"
    " afraid of lifts, boycotts supermarkets, counts every calorie, is training a guide dog, maps forgotten wells,"
    " reads the stock pages aloud, wants a seat on the parish council, is restoring a windmill, lends money to friends"
)
SYNONYMS = {
    "quiet": "silent", "cheerful": "merry", "thrifty": "economical", "stubborn": "obstinate", "retired": "pensioned",
    "proud": "haughty", "shy": "timid", "collects": "gathers", "repairs": "mends", "keeps": "maintains",
    "wants": "wishes", "hopes": "aspires", "plans": "intends", "fears": "dreads", "writes": "composes",
    "reads": "peruses", "old": "aged", "small": "little", "learns": "masters", "builds": "constructs",
    "postman": "mailman", "lawyer": "attorney", "veterinarian": "vet", "paramedic": "ambulance medic",
    "film": "movie", "house": "home", "strangers": "unknown people", "children": "kids", "distrusts": "mistrusts",
    "years": "yrs", "experience": "practice", "cooks": "prepares", "dreams": "fantasises", "argues": "quarrels",
}  # fmt: skip
ADVERBS = ("truly", "rather", "usually", "nowadays", "really", "always", "often", "gladly")
_CLAUSE = re.compile(r"\s+(?=(?:who|with|that|specializing|interested|passionate|working|seeking|from|in|of|for)\b)")


def draw_parts(draw: random.Random) -> Parts:
    return Parts(
        draw.choice(TRAITS), draw.choice(JOBS), draw.choice(PLACES), draw.randint(2, 45), draw.choice(HABITS), draw.choice(AIMS)
    )  # fmt: skip


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
        "number": Parts(**{**_fields(parts), "years": (parts.years + draw.randint(10, 30)) % 44 + 2}),
    }
    pairs = [Pair(kind, text, other.write(), is_same=False) for kind, other in others.items()]
    return [*pairs, Pair("negation", text, f"{text}, but not any more since the accident", is_same=False)]


def _fields(parts: Parts) -> dict[str, str | int]:
    return {name: getattr(parts, name) for name in Parts.__dataclass_fields__}
