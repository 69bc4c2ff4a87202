"""The vocabulary of the scripted model: combined, it gives hundreds of personas that are not alike."""

import random

QUALITIES = (
    "retired", "young", "newly qualified", "self-taught", "widowed", "cheerful", "stubborn", "soft-spoken",
    "restless", "part-time", "third-generation", "meticulous", "shy", "veteran", "overworked", "curious",
    "sceptical", "patient", "ambitious", "left-handed", "near-sighted", "multilingual", "thrifty", "devout",
    "divorced", "nomadic", "tireless", "introverted", "award-winning", "frugal", "insomniac", "deaf",
    "elderly", "teenage", "middle-aged", "apprentice",
)  # fmt: skip

OCCUPATIONS = (
    "lighthouse keeper", "pastry cook", "tram driver", "beekeeper", "organ tuner", "dental technician",
    "shepherd", "tax inspector", "marine biologist", "stage magician", "glass blower", "midwife",
    "software tester", "bricklayer", "sign-language interpreter", "wind turbine mechanic", "violin teacher",
    "customs officer", "cartographer", "florist", "taxidermist", "zookeeper", "locksmith", "epidemiologist",
    "fencing coach", "puppeteer", "court stenographer", "fishmonger", "cloud security analyst",
    "saddle maker", "air traffic controller", "perfumer", "wine grower", "crane operator", "speech therapist",
    "astronomer", "bookbinder", "prison chaplain", "ski instructor", "tattoo artist", "geologist",
    "chess arbiter", "undertaker", "hydraulic engineer", "seamstress", "wildlife photographer", "auctioneer",
    "pharmacist", "mushroom farmer", "railway signaller", "circus acrobat", "patent lawyer", "barista",
    "toy designer", "forest ranger", "librarian", "radio host", "piano mover", "actuary", "sculptor",
    "ferry captain", "cheese maker", "elevator repairer", "archaeologist", "food critic", "paramedic",
    "weather forecaster", "carpet weaver", "welder", "kindergarten teacher", "landscape gardener", "optician",
    "street sweeper", "opera singer", "dairy inspector", "cobbler", "nuclear physicist", "hotel porter",
    "translator of poetry", "blood donor recruiter", "rodeo clown",
)  # fmt: skip

PLACES = (
    "a fishing village", "the old harbour", "a mining town", "the northern islands", "a desert oasis",
    "the delta", "a border town", "the high plateau", "a crowded capital", "the wine hills",
    "a monastery school", "the salt flats", "a snowbound valley", "the lake district", "a refugee settlement",
    "the industrial east", "a tropical port", "the southern plains", "a canal city", "the cork forests",
    "a volcanic island", "the tea gardens", "a spa resort", "the railway junction", "a floating market",
    "the marshland", "a university quarter", "the steel works", "a ghost town", "the rice terraces",
    "a mountain pass", "the shipyards", "a suburban estate", "the fjords", "an artists' colony",
)  # fmt: skip

HABITS = (
    "collects", "repairs", "photographs", "restores", "catalogues", "smuggles", "sketches", "sells",
    "studies", "measures", "dreams of", "writes poems on", "argues over", "teaches children about", "fears",
    "lends out", "exhibits", "recycles", "inherited", "avoids", "campaigns for", "saves money for",
    "cannot stop talking of", "keeps a diary of", "invents", "decorates", "trades", "donates", "lectures on",
    "gave up",
)  # fmt: skip

THINGS = (
    "antique clocks", "migratory birds", "wooden kites", "solar ovens", "medieval recipes", "broken radios",
    "wild orchids", "tidal charts", "comic books", "fossil shells", "mechanical looms", "night trains",
    "herbal teas", "street pianos", "chess endgames", "rain barrels", "shadow puppets", "rare stamps",
    "goat breeds", "folk dances", "sailing knots", "volcanic glass", "lost languages", "model bridges",
    "sourdough starters", "carnival masks", "meteor showers", "hand-drawn maps", "vintage motorbikes",
    "prime numbers", "bamboo flutes", "insect hotels", "steam engines", "silk paintings", "mountain huts",
    "crossword puzzles", "rescue dogs", "desert roses", "jazz records", "ice swimming",
)  # fmt: skip

CIRCUMSTANCES = (
    "since a long illness", "to pay for evening classes", "after every night shift",
    "despite failing eyesight", "with three noisy sisters", "on a tiny pension", "while raising twins alone",
    "before the sun comes up", "in an unheated attic", "against the advice of doctors",
    "because of a childhood promise", "during the monsoon months", "for a neglected museum",
    "without any formal schooling", "at the weekly flea market", "by candlelight",
    "as a remedy for homesickness", "under constant time pressure", "between two chemotherapy sessions",
    "in memory of a drowned brother", "on long ferry crossings", "with borrowed tools",
    "for a stubborn grandmother", "out of sheer boredom", "behind a noisy bakery", "whenever the power fails",
    "near the closed border", "from a wheelchair", "in four dialects", "with a parrot on one shoulder",
)  # fmt: skip

OPENERS = (
    "Well, let me think about this the way work taught me.",
    "Right, nobody ever put it to me so plainly before.",
    "Ah, that takes me back to a cold morning on the job.",
    "Listen, here is how things look from where I stand.",
    "Now that is something my hands know better than my head.",
    "Good grief, people always come to me with these.", "Sit down a moment and pour yourself some tea.",
    "Honestly, I learned this one the hard way.", "Between us, the trick is not to hurry at all.",
    "Funny, a neighbour wanted to know the same last week.", "Bless you, this one I can settle before lunch.",
    "Careful now, there is more to it than it seems.",
)  # fmt: skip

CLOSERS = (
    "That is how it has always worked for me.", "Try it once and the rest comes by itself.",
    "Trust the old ways, they seldom let anybody down.", "And if it fails, come back and we start again.",
    "My late uncle would have nodded at that.", "So much for theory, the rest is patience.",
    "Not bad for somebody with such rough hands.", "I would bet my best boots on it.",
    "Keep that in mind when the weather turns.", "Nobody at the market ever proved me wrong.",
)  # fmt: skip

FILLERS = ("frankly", "mind this", "surely", "so to speak", "believe it", "plainly", "as ever", "mark that")

GOODS = (
    "jars", "crates", "lamps", "tickets", "bricks", "ropes", "candles", "tiles", "baskets", "boots", "maps",
    "bottles", "blankets", "hinges", "whistles", "buttons", "lanterns", "ladders", "kettles", "spools",
)  # fmt: skip

RELATIONSHIPS = (
    "former pupil", "sister", "rival across the street", "supplier", "night-shift colleague", "landlady", "neighbour",
    "patient", "apprentice", "old schoolfriend", "brother-in-law", "regular customer", "choir partner", "supervisor",
)  # fmt: skip

COMMON = (
    "A retired schoolteacher from a small coastal town who volunteers at the local library and helps newcomers to"
    " fill in difficult official forms every week."
)
COMMON_VARIANTS = (
    COMMON,
    COMMON.replace("fill in difficult", "fill in all difficult"),
    COMMON.replace("A retired schoolteacher", "A retired school teacher").replace("every week", "each week"),
)


def draw_persona(dice: random.Random) -> str:
    """A persona of two dozen words at most, drawn from 10^11 that there are."""
    quality, occupation = dice.choice(QUALITIES), dice.choice(OCCUPATIONS)
    article = "An" if quality[0] in "aeiou" else "A"
    return (
        f"{article} {quality} {occupation} from {dice.choice(PLACES)} who {dice.choice(HABITS)} {dice.choice(THINGS)}"
        f" {dice.choice(CIRCUMSTANCES)}."
    )


def draw_name(dice: random.Random) -> str:
    """A given name and a surname."""
    given = dice.choice(("Tolan", "Merita", "Simeon", "Lavika", "Mundo", "Zelinde", "Torvald", "Janeka", "Kirsten"))
    family = dice.choice(("Larsen", "Moreno", "Jakob", "Bilinski", "Mendez", "Motowa", "Mubarak", "Ferriman", "Adeyo"))
    return f"{given} {family}"
