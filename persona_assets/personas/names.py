"""Names of people: which a persona must not hold, and how a document shows that a pair of words is one."""

import regex

_WORD = r"\p{Lu}[\p{L}'’-]*\p{Ll}"
_PAIR = regex.compile(rf"\b{_WORD}(?:\s+\p{{Lu}}\.)?\s+{_WORD}\b")
_POSSESSIVE = regex.compile(r"['’]s$")
_TITLED = regex.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Herr|Frau|Señora?|Madame|Monsieur)\.?\s+({_WORD})")
_NAMED = regex.compile(
    r"(?<!\b(?:village|town|city|place|island|river|country|valley|ship|boat|dog|cat|horse|company|shop|restaurant|band"
    rf"|book|novel|film|game|project|school|language|disease)\s)\b(?:named|called|name is)\s+{_WORD}"
)
# A relative is a person, whatever the document says of the pair.
_RELATIVE = regex.compile(
    r"\b(?:married to|divorced from|(?:wife|husband|widow|widower|son|daughter|mother|father|brother|sister|cousin) of)"
    rf"\s+({_WORD}(?:\s+\p{{Lu}}\.)?\s+{_WORD})\b"
)
# "New York" and "World War" are pairs of capitalised words, too.
_NO_GIVEN_NAME = (
    "New|Old|North|South|East|West|Northern|Southern|Eastern|Western|Central|Great|Greater|United|World|First|Second"
    "|Civil|Middle|Latin|San|Santa|Los|Las|Saint|Saudi|Sri|Hong|Costa|Puerto|Cape|Lake|Mount|Fort|Port|Black|Red|Royal"
    "|National|International|European|American|British|The|In|On|At"
)
_NO_SURNAME = (
    "Wars?|City|States?|County|Street|Avenue|Road|River|Lake|Sea|Ocean|Bay|Beach|Islands?|Valley|Mountains?|Park|Forest"
    "|University|College|School|Academy|Institute|Museum|Hospital|Church|Company|Bank|Club|Union|League|Times|Press|Act"
    "|Day|Year|Eve|Age|Ages|Award|Prize|Cup|Festival|Kong|America|Africa|Asia|Europe|East"
)
_NO_NAME = regex.compile(rf"(?:{_NO_GIVEN_NAME})\b.*|.*\s(?:{_NO_SURNAME})")
_THING_BEFORE = r"\b(?:in|near|the|during|since|across|throughout|around|outside)\s+"
_PERSON_BEFORE = (
    r"\b(?i:by|with|contact|call|ask|write|email|e-mail|i am|i'm|coach|chair|author|editor|nurse|teacher|mayor|director"
    r"|says|said|told|thanks?|dear|late|son|daughter|wife|husband|brother|sister|manager|president|owner|founder),?\s+"
)
_PERSON_AFTER = (
    r"(?:\s+(?:says|said|told|has|had|was|is|who|writes|wrote|explains|explained|added|will|lives|works)\b"
    r"|,\s*(?:\d|\p{Ll})|\s*:|\s*\(\d)"
)


def holds_name(persona: str) -> bool:
    """Whether a persona names a person by itself: after a title, after "named", or as a relative."""
    relatives = (match.group(1) for match in _RELATIVE.finditer(persona))
    return bool(_TITLED.search(persona) or _NAMED.search(persona)) or not all(map(_NO_NAME.fullmatch, relatives))


def repeats_name(persona: str, document: str) -> bool:
    """Whether a persona names somebody whom the document names.

    A name is a word after a title, or a pair of capitalised words that the document uses of a person: after a
    word such as "by" or "contact", or before one such as "said". Pairs that it uses of a place or a thing
    ("in Buenos Aires"), and those that cannot be a person's ("New York"), may stay.

    Args:
        persona: the cleaned text.
        document: what it was read from.

    Returns:
        True when the persona should be refused.
    """
    titled = {match.group(1) for match in _TITLED.finditer(document)}
    if any(regex.search(rf"\b{regex.escape(name)}\b", persona) for name in titled):
        return True
    return any(_is_person(_POSSESSIVE.sub("", pair), document) for pair in _PAIR.findall(persona))


def _is_person(pair: str, document: str) -> bool:
    if _NO_NAME.fullmatch(pair):
        return False
    name = rf"{regex.escape(pair)}\b"
    if regex.search(_THING_BEFORE + name, document):
        return False
    return bool(regex.search(rf"{_PERSON_BEFORE}{name}(?!\s+\p{{Lu}})|\b{name}(?:['’]s\b|{_PERSON_AFTER})", document))
