"""What is no persona: the simple heuristics of the hub, each with a word for the accounting.

Persona Hub names "simple heuristics" against low-quality descriptions without saying which; these are
ours, made by reading what small and large models write.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence

import regex

from persona_assets.llm.answers import copies_any, find_borrowed, is_degenerate, is_refusal, shares_run
from persona_assets.personas.names import holds_name, repeats_name

_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_LABEL = re.compile(
    r"^\W*(?:persona|person|answer|description|output|response)\s*\d*\W*?(?::|\s[-–])\W*?\s*", re.IGNORECASE
)
_PERSON_PART = re.compile(r"(?:^|\|)\W*person\W*?:\s*(.+)$", re.IGNORECASE)
_QUOTES = "\"'“”‘’«»*`"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}")
_WEB = re.compile(r"https?://|www\.", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\w)(\+?\(?\d[\d\s().\-–/]{6,}\d)(?!\w)")
_DATE = re.compile(r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{4}-\d{2}-\d{2}\b")
_YEAR = r"(?:1[0-9]|20)\d\d"
_NO_PHONE = re.compile(
    rf"{_YEAR}(?:\s*[-–/\s]\s*{_YEAR})+"  # years
    r"|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}"  # a date
    r"|[1-9]\d{0,2}(?:[ .]\d{3})*[ .]000"  # a round number, grouped by thousands
    r"|\d+\.\d+"  # a decimal fraction
)
_TEXT = r"(?:text|passage|document|article|paragraph|prompt|persona)"
# What a text that instructs the model makes of it; somebody who works on such models is a person.
_IS_A_MODEL = re.compile(
    r"^an? (?:\w+ )?(?:(?:large )?language model|chatbot|ai (?:reader|model|assistant|system|agent|language model))"
    r"(?! (?:researcher|engineer|developer|trainer|designer|analyst|architect|specialist|expert|consultant|auditor))\b",
    re.IGNORECASE,
)
_ABOUT_THE_TASK = re.compile(
    rf"\b(?:the|author of the) {_TEXT}s?\b|\b(?:this|given|above|following|provided) (?:{_TEXT}|content|page|post)\b"
    r"|\b(?:reads?|writes?|likes?|dislikes?|wrote|reading) this\b|\bauthor of this\b|\bin one sentence\b"
    r"|\b(?:this|the(?: first| other)?) person\b|\bin this person['’]s\b"
    r"|\bperson who (?:is likely to|would) (?:read|write|like|dislike)\b"
    r"|\b(?:work|occupation|role)(?:,| and) circumstances\b"
    # Of 2,500 published personas 6 speak of "this ...", half of them of what they were read from.
    r"|\bthis (?!kind|type|sort|way)\w+|^an? (?:\w+ )?user\b(?! experience)",
    re.IGNORECASE,
)
# World War I and a thank-you card are no pronouns.
_SPEAKS = re.compile(
    r"^(?:I|My|You|Your|We|Our)\b|(?<![\w-])(?:my|you|your|we|our)(?![\w-])"
    r"|\bI(?:['’]\w+|\s+(?:am|was|have|had|work|live|love|like|want|need|can|do|would|will|think))\b"
)
_ENGLISH_START = re.compile(
    r"^(?:an?|the|one|someone|somebody|retired|former|young|elderly|senior|head|junior|local)\b", re.IGNORECASE
)
# People are described with "who"; "a platform that", "three friends are" and "the sun is" are something else.
_NOT_A_PERSON = re.compile(
    r"^(?:an?|the)\s+(?:[\w'’-]+ing\s+)?(?:(?!who\b|whose\b|whom\b|[\w'’-]+ing\b)[^\W\d_][\w'’-]*,?\s+){1,4}?"
    r"(?:that|which|are|were|is|was)\b|^(?:(?!\bwho\b|\bwhose\b|\bwith\b)[^,.]){1,60}, which\b",
    re.IGNORECASE,
)
_THINGS = (
    r"(?:company|corporation|firm|interface|website|web site|platform|app|application|software|tool|system"
    r"|organi[sz]ation|museum|agency|extension|program|programme|service|community|family|group|team|committee|couple|book|novel|project"
    r"|machine|device|product|crisis|language|framework|library|plug-?in|gift|letter|story|poem|song|message|accident|event|town|city|country|newspaper|magazine|center|centre|institute|council"
    r"|association|administration|office|government|factory|club|department|board|union|ministry|authority|body"
    r"|industry|business|school|university|bank|shop|store|airline|people|day|browser)"
)
_THING = re.compile(
    r"^(?:an?|the)\s+"
    r"(?:(?!(?:of|from|on|in|at|for|the|an?|to|who|whose|whom|who's|[\w-]{2,}ing)\s)[\w'’-]+\s+){0,4}?"
    rf"{_THINGS}\s+"
    r"(?:that|which|who|whose|for|of|in|with|to|by|from|on|and|has|had|working|looking|aiming|dedicated)\b"
    rf"|^(?:an?|the)\s+(?:(?!(?:of|from|on|in|at|for|the|an?|to|who)\s)[\w'’-]+\s+){{0,4}}?{_THINGS}\s+(?:who|which)\b",
    re.IGNORECASE,
)
# A bag of chips, a part of the garden: of 2,500 published personas three begin so, and none of these is one person.
_AMOUNT = re.compile(
    r"^(?:an?|the)\s+(?:(?!(?:of|in|on|at|for|to|from|with|who|whose|that|and)\s)[\w'’-]+\s+){0,2}?"
    r"(?:bag|bottle|bowl|box|bunch|bundle|chunk|cup|dish|drop|glass|handful|heap|kind|layer|list|loaf|packet|pair|part"
    r"|picture|piece|pile|plate|pool|sense|series|set|sheet|shower|slice|smell|sort|sound|stack|stream|string|symbol"
    r"|taste|type|variety|view|way|word)s?\s+(?:of|at|in|on|from|to)\b",
    re.IGNORECASE,
)
# Who dislikes something cares about it.
_NO_STAKE = re.compile(r"\b(?:not|n['’]t) (?:\w+ )?interested in\b|\bhas no (?:interest in|opinion)\b", re.IGNORECASE)
# A sentence may end in "to", "of", "her" or "his", and never in these; in vitamin A it may.
_BROKEN_OFF = re.compile(r"\b(?:an?|the|and|or|but|whose|every|their|its|than|because)[\s.…,;]*$")
_MINOR = re.compile(
    r"\b(?:girl|boy|child|children|teen\w*|toddler|pupil|minor|schoolgirl|schoolboy|kid)s?\b", re.IGNORECASE
)
# Who teaches, heals or protects is somebody else.
_SEXUAL = re.compile(
    r"\b(?:sex|sexy|sexual|sexually|erotic\w*|porn\w*|nude|naked)\b"
    r"(?!\W+(?:education|educator|health|abuse|assault|violence|trafficking|exploitation|orientation|identity)\b)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_TELLING_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM = 5
_LOWER_WORD = regex.compile(r"\b\p{Ll}+\b")
# Shorter ones English has taken in: a café, a naïve fiancé.
_TERM = 7
_WORD_OF_A_PAIR = 4
_SAID = 0.6
"""Share of a sentence's telling words from which it only says again what stands before it; none of 2,500 published
personas has such a one."""
_MIXED_WORD = regex.compile(r"\p{Latin}[\p{Cyrillic}\p{Greek}]|[\p{Cyrillic}\p{Greek}]\p{Latin}")
# Two letters: a single one is a symbol (β-blockers), and the micro sign belongs to every script.
_FOREIGN_WORD = regex.compile(r"(?:(?!\p{Latin}|\p{Common})\p{L}){2}")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_MOSTLY = 0.8
_LATIN = regex.compile(r"\p{Latin}")
_LETTER = regex.compile(r"\p{L}")


def clean_persona(text: str) -> str:
    """Take what is labelled "Person:", else the first line that is more than a label; no quotes and list marks."""
    lines = text.splitlines()
    labelled = [match.group(1) for line in lines if (match := _PERSON_PART.search(line))]
    cleaned = (_LABEL.sub("", _LIST_MARK.sub("", line)).strip().strip(_QUOTES) for line in labelled or lines)
    return " ".join(next(filter(None, cleaned), "").split())


def find_flaw(persona: str, min_words: int, max_words: int, demonstrations: Sequence[str] = ()) -> str | None:
    """Say why a text is no persona, by itself.

    Args:
        persona: the cleaned text.
        min_words: shorter ones are refused.
        max_words: longer ones are refused.
        demonstrations: answers of the prompt; small models paste half sentences of them together.

    Returns:
        A word for the accounting, or None when nothing is wrong.
    """
    words = count_words(persona)
    flaws = {
        "too_short": words < min_words,
        "too_long": words > max_words,
        "refused": is_refusal(persona),
        "copies_demonstration": copies_any(persona, demonstrations, words=6)
        or bool(find_borrowed(persona, demonstrations)),
        "repetition": is_degenerate(persona) or _says_again(persona),
        "minor_and_sex": bool(_MINOR.search(persona) and _SEXUAL.search(persona)),
        "contact_data": contains_contact(persona),
        "about_the_task": bool(_ABOUT_THE_TASK.search(persona) or _IS_A_MODEL.match(persona)),
        "no_stake": bool(_NO_STAKE.search(persona)),
        "date": bool(_DATE.search(persona)),
        "speaks_itself": bool(_SPEAKS.search(persona)),
        "unfinished": bool(_BROKEN_OFF.search(persona)),
        "mixed_script": mixes_scripts(persona),
        "no_person": not _is_one_person(persona),
        "personal_name": holds_name(persona),
    }
    return next((flaw for flaw, is_found in flaws.items() if is_found), None)


def find_flaw_against(persona: str, document: str, language: str = "en") -> str | None:
    """Say why a text is no persona in the light of the document that it was read from.

    Args:
        persona: the cleaned text.
        document: what it was read from.
        language: of the document; an English persona has no words in common with another one's but names and terms.
    """
    if shares_run(persona, document, 7):
        return "copies_input"
    if repeats_name(persona, document):
        return "personal_name"
    if language != "en" and _keeps_foreign_words(persona, document):
        return "foreign_words"
    return None


def measure_specificity(persona: str) -> float:
    """Tell how much a persona says, from 0 to 1: different words of more than three letters, up to fourteen.

    A word said twice ("a writer who writes with a student for students") counts against it.
    """
    words = [word[:_STEM] for word in regex.findall(r"\w+", persona.casefold()) if len(word) > 3]
    return max(0.0, min(len(set(words)), 14) - 2 * (len(words) - len(set(words)))) / 14


def contains_contact(text: str) -> bool:
    """Whether a text holds an e-mail address, a web address or a telephone number."""
    return bool(_EMAIL.search(text) or _WEB.search(text)) or any(map(_is_phone, _PHONE.findall(text)))


def count_words(text: str) -> int:
    """Words, where a script has them; else one for two characters of Han, kana, Thai and the like."""
    spaced, unspaced = _UNSPACED.subn(" ", text)
    return len(re.findall(r"\w+", spaced)) + int(unspaced) // 2


def mixes_scripts(text: str) -> bool:
    """Whether a word has letters of two scripts, or a text in Latin script has words that are not Latin."""
    is_latin = bool(_ENGLISH_START.match(text)) or _share_of_latin(text) >= _MOSTLY
    return bool(_MIXED_WORD.search(text)) or (is_latin and bool(_FOREIGN_WORD.search(text)))


def _keeps_foreign_words(persona: str, document: str) -> bool:
    """Whether an English persona has words of the document in it that it should have translated."""
    if not _ENGLISH_START.match(persona):
        return False
    words = set(_LOWER_WORD.findall(document))
    if any(len(word) >= _TERM and not word.isascii() and word in words for word in _LOWER_WORD.findall(persona)):
        return True
    return not _list_lower_pairs(persona).isdisjoint(_list_lower_pairs(document))


def _list_lower_pairs(text: str) -> set[tuple[str, str]]:
    """Two words in a row that are no names, by their beginnings and without accents, which models leave out."""
    plain = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("ø", "o"))
    tokens = regex.findall(r"\w+", "".join(sign for sign in plain if not unicodedata.combining(sign)))
    return {
        (one[:_STEM], other[:_STEM])
        for one, other in itertools.pairwise(tokens)
        if one.islower() and other.islower() and min(len(one), len(other)) >= _WORD_OF_A_PAIR
    }


def _says_again(persona: str) -> bool:
    said: set[str] = set()
    for sentence in _SENTENCE_END.split(persona):
        words = {word[:_STEM].casefold() for word in _TELLING_WORD.findall(sentence)}
        if said and words and len(words & said) >= _SAID * len(words):
            return True
        said |= words
    return False


def _share_of_latin(text: str) -> float:
    letters = len(_LETTER.findall(text))
    return len(_LATIN.findall(text)) / letters if letters else 0.0


def _is_phone(number: str) -> bool:
    return sum(character.isdigit() for character in number) >= 7 and not _NO_PHONE.fullmatch(number.strip())


def _is_one_person(persona: str) -> bool:
    # How a description of a person begins is known for English alone, which the prompt asks for.
    if len(_LATIN.findall(persona)) < len(_LETTER.findall(persona)) / 2:
        return True
    commas = persona.count(",")
    is_list = commas >= 4 and commas > count_words(persona) / 4
    return bool(_ENGLISH_START.match(persona)) and not _is_thing(persona) and not is_list


def _is_thing(persona: str) -> bool:
    return bool(_NOT_A_PERSON.match(persona) or _THING.match(persona) or _AMOUNT.match(persona))
