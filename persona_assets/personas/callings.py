"""Who somebody is, in a few words: what a persona says before it says what the person does, likes or has."""

import re
from collections.abc import Sequence

# What follows the calling itself.
_REST = re.compile(
    r"\s*(?:[,;(]|\.(?:\s|$)|\b(?:who|whose|whom|that|which|with|without|from|in|on|at|for|to|known|renowned|famous|based|named"
    r"|speciali[sz]ing|seeking|obsessed|responsible|interested|dedicated|passionate|determined|familiar|turned"
    r"|\w+ing\s+(?:the|an?|for|on|in|at|to|from|with|about|as|his|her|their)|skilled\s+(?:in|at))\b).*",
    re.DOTALL,
)
# Words that say nothing of the person, or that no person is.
_NO_CALLING = re.compile(
    r"\b(?:person|individual|male|female|adult|member|representative|organi[sz]ation|company|group|someone|somebody|young|former|and|or)$"
    r"|^(?:number|pair|couple|group|team|lot|bunch|variety) of\b",
    re.I,
)
_PERSON = re.compile(r"^(an?)\s+(?P<calling>\S.*)$", re.IGNORECASE | re.DOTALL)
_CHILD = re.compile(
    r"^(?:an?|the)\s+(?:(?!who\b|whose\b|of\b)[\w'’-]+\s+){0,3}?(?:boy|girl|child|grandson|granddaughter|toddler|pupil|schoolboy|schoolgirl|kid)(?=\s+(?:of|who|whose|with|from|in|at|on)\b|[.,;]|$)",
    re.IGNORECASE,
)
# What words for a person end in, and whole words that end otherwise.
_PERSON_NOUN = re.compile(
    r"(?:\w{2,}(?:er|or|ist|ian|ant|man|woman|person|ee|eur|smith|wright|herd|ess)"
    r"|\b(?:(?:grand|god|step)?(?:son|child)|(?:room|class|team|school|ship)?mate|(?:boy|girl)?friend|(?:house|mid)?wife"
    r"|(?:school|cow)?(?:boy|girl)|advocate|agent|aide|analyst|apprentice|architect|associate|astronaut|athlete|attorney"
    r"|aunt|barista|bride|buff|bursar|candidate|captain|chef|chief|citizen|clerk|client|coach|colonel|cook|critic|dad"
    r"|deputy|detective|diplomat|executive|expert|enthusiast|fan|general|geek|graduate|groom|guard|guide|head|host|judge"
    r"|lad|lady|local|mechanic|minister|mom|monarch|monk|nanny|native|nephew|niece|novice|nun|nurse|official|pal|parent"
    r"|patient|patron|pilot|poet|president|priest|professional|pupil|rabbi|recruit|registrar|representative|resident"
    r"|scholar|secretary|sergeant|skeptic|specialist|spouse|student|superintendent|surgeon|uncle|undergraduate|veteran"
    r"|widow|witness|youth|man|guy|cop|hire|sibling|cousin|relative|star|prodigy|principal|fanatic|landlord|king))$",
    re.IGNORECASE,
)
_ENDS_LIKE_A_PERSON = re.compile(
    r"\b(?:access|beer|border|browser|business|calculator|cancer|center|chapter|coffee|color|committee|computer"
    r"|container|counter|dinner|door|error|factor|fee|floor|folder|harbor|humor|labor|laser|letter|lever|matter|motor"
    r"|newsletter|number|offer|order|paper|plant|power|process|projector|restaurant|river|sector|server|shelter|success"
    r"|summer|theater|tree|war|water|weather|winter)$",
    re.IGNORECASE,
)
# Whoever reads a text is its reader, and two are not one.
_ANYBODY = re.compile(r"^(?:the |an? )?(?:reader|user|writer|friend|general|visitor|viewer)$|\band\b", re.IGNORECASE)
_OF = re.compile(r"\s+of\b.*", re.DOTALL)
_MOST_WORDS = 4
_CALLING = "{{ calling }}"


def read_calling(persona: str) -> str | None:
    """Read who somebody is out of an English persona.

    Args:
        persona: its text.

    Returns:
        An article and at most four words, `a ferry captain`; None where the persona does not say so shortly.
    """
    found = _PERSON.match(_REST.sub("", persona.strip()))
    if found is None:
        return None
    calling = _shorten(found["calling"])
    if calling is None or _NO_CALLING.search(calling):
        return None
    return f"{found[1].lower()} {calling}"


def _shorten(calling: str) -> str | None:
    if len(calling.split()) <= _MOST_WORDS:
        return calling
    shorter = _OF.sub("", calling)
    if " and " in shorter:
        shorter = shorter.partition(" and ")[0]
        if " " not in shorter:
            # "A brilliant and meticulous law clerk".
            return None
    return shorter if len(shorter.split()) <= _MOST_WORDS and names_a_person(shorter) else None


def names_a_person(who: str) -> bool:
    """Whether a few English words end in one for a single person: `night nurse`, and not `cookie policy`."""
    if who.endswith(" of"):
        return False
    plain = _OF.sub("", who.strip())
    return bool(_PERSON_NOUN.search(plain)) and not (_ENDS_LIKE_A_PERSON.search(plain) or _ANYBODY.search(plain))


def is_called_a_thing(persona: str) -> bool:
    """Whether an English persona says shortly who it is about, and that is no word for a person.

    Of 2,500 published personas 222 are called by words that are not known here ("a quarterback"): too many to refuse a
    model that describes people, and few beside what one of 135 million parameters makes of a calendar.
    """
    calling = read_calling(persona)
    return calling is not None and not names_a_person(calling)


def is_child(persona: str) -> bool:
    """Whether an English persona says that it is a child's."""
    return bool(_CHILD.match(persona.strip()))


def fit_openings(openings: Sequence[str], calling: str | None) -> list[str]:
    """List the openings of a sentence that fit somebody.

    Args:
        openings: how it may begin; `{{ calling }}` stands for who it is about.
        calling: who that is, in a few words, if it is known.

    Returns:
        Those that name the calling, with it, or all where none does; where it is not known, those that do not name it.
    """
    naming = [opening for opening in openings if _CALLING in opening]
    if calling is None:
        return [opening for opening in openings if _CALLING not in opening]
    return [opening.replace(_CALLING, calling) for opening in naming] or list(openings)
