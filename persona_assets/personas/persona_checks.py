"""Doubts about personas: whether it is one person, told without the task, the text and the people named in it."""

import re
from collections.abc import Iterator

import regex

from persona_assets.personas.text_checks import count_words, doubt_text, doubt_voice, find_copied
from persona_assets.row_checks import Doubt, RowChecks

_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "「": "」", "`": "`"}

_NOTHING = re.compile(r"\W*(?:n\W?a|none|null|unknown|not applicable|no (?:person|persona|description)\b.*)\W*", re.I)
_LIST = re.compile(r"^\s*(?:[-*•#|]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_SETS_IN = r"(?:of|from|on|in|at|for|the|an?|to|who|whose|whom|who['’]s|with|and|by|near)\s"
"""Words that begin something else than what a text is about."""
# Up to four words before the one that counts.
_BEFORE = (
    rf"(?:(?!{_SETS_IN}|(?!(?:teaching|training|trading|shipping|engineering|marketing|consulting|publishing|housing)\s)"
    r"[\w-]{2,}ing\s)[\w'’-]+,?\s+){0,4}?"
)
_GROUPS = (
    r"(?:company|corporation|firm|start-?up|website|web site|platform|app|application|organi[sz]ation|museum|agency"
    r"|community|family|group|team|committee|couple|pair|city|town|government|council|ministry|institution|airline"
    r"|retailer|publisher that|newspaper|magazine|book|novel|film|movie|device|machine|product|tool|software|system"
    r"|program|programme|service|project|event|law|policy|festival|brand|band|restaurant|shop|store|hotel|school"
    r"|university|hospital|society|association|charity|club|ensemble|orchestra|choir|collection|list|set|series)"
)
_IS_A_GROUP = (
    rf"(?:an?|the)\s+{_BEFORE}{_GROUPS}\s+"
    r"(?:(?:that|which|of|for|with|to|by|has|have|is|are|offers|provides|was|were|looking|aiming|seeking|dedicated"
    r"|speciali[sz]ing|based|committed|designed|operating)\b(?!\s+\w+(?:\s\w+){0,2}\s+(?:administrator|professor"
    r"|graduate|student|employee|alum\w*|researcher|librarian|member|fan|resident|supporter)\b)"
    r"|who (?:are|have|were)\b)"
)
_A_GROUP = re.compile(_IS_A_GROUP, re.IGNORECASE)
_NAMED_GROUP = re.compile(
    rf"(?:[A-Z&][\w&.'’-]*\s?){{1,6}}(?:,\s+(?i:{_IS_A_GROUP})|\b(?:GmbH|Ltd|Inc|LLC|Corp|AG|plc)\b)"
)
_MANY = re.compile(r"(?:people|anyone|anybody|everyone|everybody|they|both|the two|the three|those)\s", re.IGNORECASE)
# A noun in the plural that nothing stands before but its adjectives: "Frequent flyers", "Lace makers of Bruges".
_PLURAL = re.compile(
    rf"(?!(?i:an?|the|one|my|his|her|this|someone|somebody|un|une|das|dos|los|las|les|des)\s)"
    rf"(?:[\w'’-]+\s+(?:(?!{_SETS_IN})[a-z][\w'’-]*\s+){{0,3}}?[a-z][a-z-]*(?=[,\s])|[A-Z][a-z-]+(?=\s))(?<=[a-rt-z]s)(?<![iu]s)"
    r"(?:,\s|\s(?:who|whose|that|of|in|from|with|and|or|for|at|on|near|living|working|interested|looking|seeking)\s)"
)
# Of a person one says "who".
_A_THING = re.compile(
    rf"(?:an?|the)\s+(?:(?!{_SETS_IN}|[\w-]{{2,}}ing\s)[\w'’-]+\s+){{1,5}}?(?:that|which)\s+(?:has|is|was|can|offers"
    r"|provides|needs|makes|speciali[sz]es|keeps|still|never|always|used to)\b",
    re.IGNORECASE,
)
# The same in other languages, by the words that begin most of such sentences.
_A_GROUP_ELSEWHERE = re.compile(
    r"(?:(?:una?|el|la|l['’]|un['’]?|une|le|eine?|der|die|das|en|ett|uma?|o|a|il|lo)\s*)"
    r"(?:(?:empresa|compañía|grupo|equipo|organización|asociación|familia|pareja|ciudad|sitio web|página web"
    r"|entreprise|société|groupe|équipe|organisation|association|famille|couple|ville|site web"
    r"|unternehmen|firma|gruppe|verein|familie|stadt|webseite|website"
    r"|azienda|società|gruppo|squadra|organizzazione|associazione|famiglia|coppia|città|sito web"
    r"|företag|grupp|familj|förening|webbplats)\s)|(?:一家公司|一个(?:团队|家庭|组织|网站)|一群|شركة |مجموعة من )",
    re.IGNORECASE,
)
_COMMAS = regex.compile(r"[,;、，；،]")

_TEXT = r"(?:text|passage|excerpt|document|article|paragraph|prompt|persona|page|post)"
_ABOUT_THE_TASK = re.compile(
    r"\b(?:the (?:author of the |reader of the |input )?(?:text|passage|excerpt|prompt|persona)s?\b"
    r"(?! (?:of|messages?|books?|editor|delivery|payment)\b)"
    rf"|(?:this|above|provided) {_TEXT}s?\b|the (?:given|above|following|provided) (?:{_TEXT}|person)\b"
    r"|(?:reads?|writes?|likes?|dislikes?|wrote|reading|in) this\b(?=[.,;]|$)|author of this\b|this person\b"
    r"|(?:the|to|of|with|for) (?:first|original|given|described) person\b|in an? close relationship with\b"
    r"|^the (?:author|writer|reader|narrator|speaker|poster) of (?:the|this|that)\b"
    r"|(?:is )?likely to (?:have )?(?:read|write|written|like|dislike) (?:this|the|such|it)\b)"
    r"|\b(?:este|dicho) (?:texto|artículo|documento)\b|\bce(?:t|tte)? (?:texte|article|document|page)\b"
    r"|\bdiese[rsnm]? (?:text|textes|artikels?|dokuments?)\b|\bquest(?:o|['’]) ?(?:testo|articolo|documento)\b"
    r"|\bden (?:här )?(?:texten|artikeln)\b|本文|(?:这|該|该)(?:篇|段|个)?(?:文章|文本|文字)|هذا (?:النص|المقال)",
    re.IGNORECASE,
)

_NAME = r"\p{Lu}[\p{L}'’-]*\p{Ll}"
_WHOLE_NAME = regex.compile(rf"(?<!\p{{L}}){_NAME}(?:\s+(?:\p{{Lu}}\.|{_NAME}))?\s+{_NAME}(?!\p{{L}})")
_POSSESSIVE = regex.compile(r"['’]s$")
_TITLED = regex.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Herr|Frau|Sra?|Señora?|Señor|Don|Doña|Mme|Madame|Monsieur|Signora?"
    rf"|Dott|Fru)\.?\s+((?:{_NAME}\s+)?{_NAME})"
)
_SAYS = (
    r"(?:says|said|told|writes|wrote|explains|explained|adds|added|recalls|recalled|lives|works|was born|is survived"
    r"|dit|explique|raconte|affirme|dice|dijo|explica|explicó|señaló|afirmó|cuenta|spiega|racconta"
    r"|sagt|sagte|erklärt|erklärte|säger|sade|berättar|förklarar)"
)
_PERSON_BEFORE = (
    r"\b(?i:by|contact|call|e-?mail|dear|thanks|author|editor|nurse|teacher|mayor|coach|director|president|professor"
    r"|i am|i['’]m|my name is|late|(?:son|daughter|wife|husband|widow|brother|sister|mother|father) of"
    rf"|von|par|por|av|di|{_SAYS}),?\s+"
)
# What speaks, and is none: "Human Rights Watch said", "the Vice President told".
_NO_NAME = regex.compile(
    r"(?:The|Vice|Human|United|National|International|American|European)\b.*"
    r"|.*\s(?:Inc|Ltd|Pvt|GmbH|Company|Corporation|Labs?|Watch|Group|Films|Studios|Games|Nations|Commission|News|Times"
    r"|Officer|President|Minister|University|Foundation|Institute|Association|Bank|Police|Council|Department)"
)
# A place or a thing is where, when or of which something is.
_THING_BEFORE = (
    r"\b(?i:in|near|the|during|since|across|throughout|around|outside|at|en|à|au|im|bei|i|på|die|der|das|la|le|el|il)"
    r"\s+"
)


def clean_persona(said: str) -> str:
    """Take white space and one enclosing pair of quotation marks away."""
    text = said.strip()
    inner = text[1:-1]
    is_quoted = len(text) > 1 and _PAIRS.get(text[0]) == text[-1] and text[0] not in inner and text[-1] not in inner
    return inner.strip() if is_quoted else text


def doubt_seed(persona: str, document: str, checks: RowChecks, language: str | None = None) -> Iterator[Doubt]:
    """Doubt a persona that was inferred from a document. `language`: expected; None for any."""
    # Contact data of the document is none of the persona's either.
    yield from _doubt_persona(persona, checks, language)
    if copied := find_copied(persona, [document], int(checks.parameter("copies_source", "words"))):
        yield Doubt("copies_source", copied)
    if name := find_name(persona, document):
        yield Doubt("names_somebody", name)


def doubt_relative(persona: str, parent: str, checks: RowChecks, language: str | None = None) -> Iterator[Doubt]:
    """Doubt a persona that was expanded from another. `language`: expected; None for any."""
    yield from _doubt_persona(persona, checks, language)
    if copied := find_copied(persona, [parent], int(checks.parameter("copies_parent", "words"))):
        yield Doubt("copies_parent", copied)


def _doubt_persona(persona: str, checks: RowChecks, language: str | None) -> Iterator[Doubt]:
    yield from doubt_voice(persona)
    yield from doubt_text(persona, checks, language=language)
    if found := find_no_person(persona):
        yield Doubt("no_person", found)
    if about := _ABOUT_THE_TASK.search(persona):
        yield Doubt("about_the_task", about.group())
    if (words := count_words(persona)) > checks.parameter("too_long", "words"):
        yield Doubt("too_long", f"{words} words")


def find_no_person(persona: str) -> str | None:
    """Find words by which a text describes no single person: a group, a thing, a list, or nothing."""
    patterns = (_A_GROUP, _MANY, _PLURAL, _A_THING, _NAMED_GROUP, _A_GROUP_ELSEWHERE)
    if found := _NOTHING.fullmatch(persona) or next(filter(None, (one.match(persona) for one in patterns)), None):
        return found.group()
    if len(_LIST.findall(persona)) > 1:
        return "a list"
    commas = len(_COMMAS.findall(persona))
    return "a list of words" if commas >= 3 and commas > count_words(persona) / 3 else None


def find_name(persona: str, document: str) -> str | None:
    """Find a person's name in a persona that the document clearly uses of a person.

    That is a name after a title, or two or three capitalised words beside such as go with people: "by", "said".
    One that the document uses of a place or a thing as well ("in Buenos Aires") may stay.
    """
    for titled in _TITLED.findall(document):
        # The surname is often all that is left of it.
        for name in {titled, titled.split()[-1]}:
            if regex.search(rf"(?<!\p{{L}}){regex.escape(name)}(?!\p{{L}})", persona):
                return str(name)
    names = (_POSSESSIVE.sub("", name) for name in _WHOLE_NAME.findall(persona, overlapped=True))
    return next((name for name in names if name in document and _is_person(name, document)), None)


def _is_person(name: str, document: str) -> bool:
    exact = rf"(?<!\p{{L}}){regex.escape(name)}(?!\p{{L}})"
    if _NO_NAME.fullmatch(name) or regex.search(_THING_BEFORE + exact, document):
        return False
    return bool(regex.search(rf"{_PERSON_BEFORE}{exact}(?!\s+\p{{Lu}})|{exact},?\s+{_SAYS}\b", document))
