"""Doubts that hold for a text of any artifact: contact data, copies, another language, repetition, a broken end."""

import re
from collections.abc import Iterable, Iterator, Sequence

import regex

from persona_assets.corpus.language import UNKNOWN, detect_language
from persona_assets.llm.answers import count_unspaced, is_degenerate, is_refusal, split_words
from persona_assets.row_checks import Doubt, RowChecks

# Not what a code calls so: git@github.com:name, W@inputs.transpose().
_EMAIL = re.compile(r"(?<![\w.+/-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b(?![(:/])")
_WEB = re.compile(r"(?:https?://|www\.)[^\s)>\]]+", re.IGNORECASE)
# A street with a number, and a postcode behind it.
_POST = re.compile(
    r"(?:\d{1,5}[a-z]? (?:[A-Z][\w'’-]+ ){1,3}?(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Terrace|Close|Crescent"
    r"|Boulevard|Blvd|Square|Way|Place|Court|Gardens|Row|Hill)\b"
    r"|\d{1,4}(?: bis)?,? (?:rue|avenue|boulevard|place|chemin) "
    r"|\b\w{2,30}(?:straße|strasse|str\.|gasse|weg|allee|platz|gatan|vägen|straat|laan|veien|vej)"
    r" \d{1,4}"
    r"|\b(?:ul\.|calle|avenida|via|viale|piazza|rua|C/) ?[A-ZÀ-Ž][^\n\d]{2,30}\d{1,4})"
    r"(?:[,;/]?\s?(?:[A-ZÀ-Ž][\w.'’-]*|\d{1,4}|de|des|la|le|les|du|sur|am|an|der)){0,6}?[,;]?\s"
    r"(?:[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{5}|\d{2}-\d{3}|\d{3} \d{2}"
    r"|\d{4}(?:-\d{3})? (?=[A-Z]))"
)
# With a country's code, with the 0 of a trunk call and a gap, or grouped as in North America: other digits are sums.
_PHONE = re.compile(
    r"(?<![\w.,/*^=])(\+[1-9](?:[ .()/–-]{0,2}\d){7,}|(?=[\d()]*[ ./–-]{1,2}\(?\d)\(?0[1-9](?:[ .()/–-]{0,2}\d){7,10}"
    r"|\([2-9]\d{2}\) ?\d{3}[ .-]\d{4}|[2-9]\d{2}[.-]\d{3}[.-]\d{4})(?![\w/]|\s*[=*×^])"
)
# Dates, decimal fractions, round sums, bits, and the 555 of films.
_NO_PHONE = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1(?:19|20)\d{2}\b.*|\+?\d+\.\d+|\+?\d{1,3}(?:[ .]\d{3})*[ .]000|[01\W]+"
    r"|\D*(?:1\D)?\(?555\b.*|\(?\d{3}\)?\W{1,2}555\b.*"
)
# Nobody is reached there: names that are kept for examples, one's own machine or network, and names of formats.
_NO_ADDRESS = re.compile(
    r"(?:@|//|\.)(?:example|localhost|test|invalid)\b|//(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.|//(?:www\.)?"
    r"(?:w3\.org|schemas\.|json-schema\.org)",
    re.IGNORECASE,
)
_ASSISTANT = re.compile(
    r"^\W*(?:(?:sure|certainly|absolutely|of course)[!,.:]? (?:here|i can|i['’]d|i would|let me)\b"
    r"|(?:what an? |that['’]s an? )?(?:great|excellent|good|wonderful|fantastic) (?:[\w-]+ )?(?:question|request"
    r"|choice)\b"
    r"|here(?: is|['’]s| are) (?:the|a|an|your) (?:\w+ ){0,4}(?:persona|person|profile|character|description|request"
    r"|response|answer|problem|article|rewrite|rewritten)\b)"
    r"|\b(?:as|i am|i['’]m) (?:an?|your) (?:\w+ )?(?:ai|artificial intelligence|(?:large )?language model"
    r"|(?:virtual|ai) assistant)\b"
    r"|\b(?:created|developed|trained) by (?:openai|anthropic|google|meta|alibaba|mistral)\b"
    r"|\b(?:i hope this helps|feel free to ask|let me know if you(?: need|['’]d like| would like| have| want))\b"
    r"[^\n]{0,80}$",
    re.IGNORECASE,
)
_A_MINOR = (
    r"(?:\b(?:girl|boy|child|children|toddler|schoolgirl|schoolboy|kid)s?\b|\bunderage\b"
    r"|\b(?:[1-9]|1[0-7])[- ]years?[- ]old\b)"
)
_SEXUAL = (
    r"\b(?:erotic\w*|porn\w*|having sex|sexually explicit|sexual (?:acts?|content|fantas\w+|pleasure|arousal)"
    r"|sexual(?:ly)? (?:aroused|attracted|desir\w+))\b"
)
_SEXUAL_MINOR = re.compile(rf"{_A_MINOR}[^.!?\n]{{0,80}}?{_SEXUAL}|{_SEXUAL}[^.!?\n]{{0,80}}?{_A_MINOR}", re.IGNORECASE)
# Who prosecutes, teaches, heals or keeps it away writes of it, too.
_PROTECTS = re.compile(
    r"prosecut|investigat|detectiv|polic|offic|judge|lawyer|attorney|law\b|legal|crim|abus|victim|surviv|exploit|traffick"
    r"|protect|prevent|against|combat|fight|filter|block|moderat|remov|report|detect|safe|educat|teach|counsel|therap"
    r"|psych|nurse|doctor|pediatr|paediatr|social work|campaign|activis|advoca|research|harm|risk|concern|worr",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?…。！？؟।:;)\u0e00-\u0eff\]\"'”’»」』`*_~|}>\d%=]\s*$")
# A sentence may well end in "of." or "with.", in vitamin A, or in the value of y.
_DANGLES = re.compile(
    r"(?:,|\b(?:an|the|and|or|but|whose|their|its|than|because|since|where|while|although|if|into|between|et|und|de)\s*…?"
    r"|(?<=\w )a(?:\s*…)?"
    r"|\b(?:with|of|for|who|which|that is)\s*…?)\s*$"
)
_CODE = re.compile(r"```.*?(?:```|$)", re.DOTALL)
_SENTENCE = re.compile(r"\w{3}[.!?…]\s|[。！？؟।]")
_LONG_ENOUGH = 120
"""Characters from which a text of several sentences that lacks the last mark was broken off: one sentence, or a few
short ones, are often written without."""
_SURE = 60
"""Characters from which the language of a text can be told."""
_SCRIPTS = {
    "Latin": regex.compile(r"\p{Latin}"), "Han": regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]"),
    "Arabic": regex.compile(r"\p{Arabic}"), "Cyrillic": regex.compile(r"\p{Cyrillic}"),
    "Hangul": regex.compile(r"\p{Hangul}"), "Thai": regex.compile(r"\p{Thai}"), "Greek": regex.compile(r"\p{Greek}"),
    "Devanagari": regex.compile(r"\p{Devanagari}"), "Hebrew": regex.compile(r"\p{Hebrew}"),
}  # fmt: skip
_SCRIPT_OF = {
    **dict.fromkeys(("zh", "ja"), "Han"), **dict.fromkeys(("ar", "ckb", "fa", "ps", "sd", "ug", "ur"), "Arabic"),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "tt", "uk"), "Cyrillic"),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), "Devanagari"), **dict.fromkeys(("he", "yi"), "Hebrew"),
    "ko": "Hangul", "th": "Thai", "el": "Greek",
}  # fmt: skip
_FOREIGN_SHARE = 4
"""Letters of another script for one of the language's own, above which a text is not in it: names and terms of
technology are Latin everywhere."""
_TWO_SCRIPTS = frozenset({"az", "ku", "sr", "uz"})
# Languages that a detector takes for each other in a sentence or two.
_NEAR = (
    {"da", "nb", "nn", "no"}, {"bs", "hr", "sr"}, {"cs", "sk"}, {"id", "ms"}, {"es", "gl"}, {"gl", "pt"}, {"en", "pcm"},
)  # fmt: skip


def doubt_text(
    text: str, checks: RowChecks, sources: Sequence[str] = (), language: str | None = None
) -> Iterator[Doubt]:
    """Doubt a text for what is wrong in any artifact.

    Args:
        sources: what it was made from: contact data and addresses of theirs are theirs to keep.
        language: ISO 639-1 code that was asked for; None: any.
    """
    prose = _CODE.sub(" ", text)
    if contact := find_contact(prose, sources):
        yield Doubt("contact_data", contact)
    if found := _find_sexual_minor(text):
        yield Doubt("sexual_minor", found)
    if address := find_address(prose, sources):
        yield Doubt("address", address)
    if language and not is_in_language(text, language):
        yield Doubt("other_language", f"{detect_language(text)} in place of {language}")
    if is_degenerate(prose):
        yield Doubt("repetition")
    if breaks_off(text):
        yield Doubt("breaks_off", text[-40:])


def doubt_voice(text: str) -> Iterator[Doubt]:
    """Doubt a text in which a person should speak, or a person is described."""
    if is_refusal(text):
        yield Doubt("declines", text[:80])
    if found := _ASSISTANT.search(text):
        yield Doubt("assistant_voice", found.group())


def find_contact(text: str, sources: Sequence[str] = ()) -> str | None:
    """Find an e-mail address or a telephone number that no source has."""
    numbers = (number.strip() for number in _PHONE.findall(text))
    found = [*_EMAIL.findall(text), *(number for number in numbers if not _NO_PHONE.fullmatch(number))]
    return next(_list_new(found, sources), None)


def find_address(text: str, sources: Sequence[str] = ()) -> str | None:
    """Find an address on the web or of a house that no source has: made up, or somebody's."""
    return next(_list_new([*_WEB.findall(text), *_POST.findall(text)], sources), None)


def find_copied(text: str, sources: Sequence[str], words: int) -> str | None:
    """Find a run of so many words that a text has in common with a source; two characters of Han or Thai are a word."""
    mine = split_words(text)
    if count_unspaced(text) > len(mine) / 2:
        words *= 2
    if len(mine) < words:
        return None
    for source in sources:
        theirs = split_words(source)
        runs = {tuple(theirs[i : i + words]) for i in range(len(theirs) - words + 1)}
        for i in range(len(mine) - words + 1):
            if tuple(mine[i : i + words]) in runs:
                return " ".join(mine[i : i + words])
    return None


def count_words(text: str) -> int:
    """Words, where a script has them; else one for two characters of Han, kana, Thai and the like."""
    unspaced = count_unspaced(text)
    return len(split_words(text)) - unspaced + unspaced // 2


def is_in_language(text: str, language: str) -> bool:
    """Tell whether a text may be in a language: by its script, and by a detector where it is long enough."""
    language = language.partition("-")[0]
    letters = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    wanted = _SCRIPT_OF.get(language, "Latin")
    if language not in _TWO_SCRIPTS and max(letters.values()) > _FOREIGN_SHARE * letters[wanted]:
        return False
    if len(text) < _SURE:
        return True
    found = detect_language(text)
    return found in {language, UNKNOWN} or any({found, language} <= near for near in _NEAR)


def breaks_off(text: str) -> bool:
    """Tell whether a text ends in the middle of a sentence."""
    text = text.strip()
    if _DANGLES.search(text):
        return True
    has_marks = len(text) >= _LONG_ENOUGH and bool(_SENTENCE.search(text))
    return has_marks and not _ENDS.search(text) and not _ends_in_list_or_code(text)


def _ends_in_list_or_code(text: str) -> bool:
    last = text.rsplit("\n", 1)[-1]
    return "\n" in text and (len(last) < _SURE or bool(re.match(r"\s*(?:[-*•#|]|\d+[.)])", last)))


def _list_new(found: Iterable[str], sources: Sequence[str]) -> Iterator[str]:
    for one in found:
        # The mark that ends the sentence is not part of the address.
        address = one.rstrip(".,;:!?'\"’”»*`")
        if not _NO_ADDRESS.search(address) and not any(address in source for source in sources):
            yield address


def _find_sexual_minor(text: str) -> str | None:
    found = _SEXUAL_MINOR.search(text)
    if found is None or _PROTECTS.search(text[max(0, found.start() - 200) : found.end() + 200]):
        return None
    return found.group()
