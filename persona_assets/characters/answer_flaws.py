"""What is wrong with the answer of a character."""

import re
from collections.abc import Sequence

from persona_assets.characters.sessions import Session
from persona_assets.llm.answers import is_degenerate, shares_run, speaks_as_model
from persona_assets.llm.kept import list_numbers, strip_code
from persona_assets.personas.heuristics import mixes_scripts

_MARKUP = re.compile(r"^#{1,6} |\*\*[^*\n]+\*\*|\\\[|\\\(|\\frac|\\text\{", re.MULTILINE)
# Only words that hardly another language spells alike: Dutch has "is" and "of", Romanian "are", Czech "to".
_ENGLISH = re.compile(
    r"\b(the|and|that|this|these|with|which|you|your|it|its|they|their|from|has|were|been|when|what|there|but|not)\b",
    re.IGNORECASE,
)
# How an assistant opens and ends, or says that it was not told enough, or cannot do what it then does.
_ASSISTANT = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely)\b[,!.]?\s+(?:i (?:can|will|would)|i['’](?:ll|d)|here|let)\b"
    r"|i(?:['’]m| am) sorry,? but\b|i (?:understand|see) (?:that )?you|(?:great|good) question\b)"
    r"|\bany (?:other|more|further) questions\b|\blet me know (?:if|how|what)\b|\bhope (?:this|that|it) helps\b"
    r"|\bi (?:do not|don['’]t) have the (?:ability|capability|capacity)\b"
    r"|\bhowever,? i can (?:provide|offer|help|give)\b"
    r"|\benough (?:information|context|details)\b|\bprovide (?:me with )?more (?:information|context|details)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Mm]yself|[Ww]e|[Oo]ur|[Oo]urs)\b")
# "Can I ask", "I want to know" and the like are about the answer, not about the one who asks.
_OWN_MATTER = re.compile(
    r"\b(?:(?:do|should|can|could|must|am|what if) I|[Mm]y|I (?:am|have|want|earn|sleep|need|feel))\b"
)
# "I keep mine out of the sun" is a piece of advice; "I should be careful about flying" is not.
_AS_THE_ASKER = re.compile(
    r"\bI(?:['’]ll| (?:should|need|must|want|wish|have to|will|plan|hope|earn|can(?:not|['’]t)?"
    r"|(?:am|was) (?:afraid|going|not sure|trying)|don['’]t know))\b"
)
# "Whom could I invite?" "I could invite somebody you know", or "I invite an old friend"; "I would invite" is advice.
_ASKED_VERB = re.compile(r"\b(?:should|can|could|must) I (\w+)")
_COULD_VERB = re.compile(r"\bI (?:should|can|could|must) (\w+)")
_OWN_VERB = re.compile(r"\bI (\w+)")
_TOLD_OWN = re.compile(r"(?:^|[.!?]\s+)My (\w+)")
_OWN = re.compile(r"\b[Mm]y (\w+)")
_SECOND_PERSON = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)
# A model that may say no more words writes on without spaces. English has hardly a word of 21 letters, German has many.
_RUN_TOGETHER = re.compile(
    r"(?:\b[a-z]{2,}[,;!]){3}[a-z]{2}|[a-z]{32}|[a-z]{15},[a-z]{2}|[a-z]{2},[a-z]{15}|(?:[a-z]+['’]){3}", re.IGNORECASE
)
_LONG_ENGLISH = re.compile(r"\b[a-z]{21}", re.IGNORECASE)
_TELLING_DIGITS = 3
_SHOWN_RUN = 6
_TOLD_RUN = 7
"""Words in a row of a persona that are no phrase of its trade any more."""
_LABEL = re.compile(r"^\s*(user|human|question|instruction)\s*:", re.IGNORECASE | re.MULTILINE)


def find_answer_flaw(answer: str, session: Session, demonstrations: Sequence[str] = ()) -> str | None:
    """Say what is wrong with one answer of a character, or None.

    Args:
        answer: what the character says.
        session: what was asked, and the character.
        demonstrations: texts of the prompt, which have no business in an answer.
    """
    profile = [str(session.character[name]) for name in ("appearance", "experience", "personality")]
    flaws = {
        "too_short": len(answer) < 20,
        "speaks_as_model": speaks_as_model(answer),
        "speaks_for_user": bool(_LABEL.search(answer)),
        "repetition": is_degenerate(answer),
        "runs_together": _runs_together(strip_code(answer)),
        "mixed_script": mixes_scripts(answer) and not any(map(mixes_scripts, (*session.user_turns, *session.answers))),
        "out_of_character": _is_lecture(answer) or _names_itself(answer, str(session.character["name"])),
        "recites_profile": any(shares_run(answer, text, 9) for text in profile)
        or shares_run(answer, str(session.character["persona"]), _TOLD_RUN),
        "answers_itself": any(_takes_the_users_place(answer, turn) for turn in session.user_turns),
        "copies_demonstration": any(
            shares_run(answer, shown, _SHOWN_RUN)
            and not any(shares_run(one, shown, _SHOWN_RUN) for one in session.answers)
            for shown in demonstrations
        ),
        "repeats_user": any(_repeats(answer, turn, session.answers) for turn in session.user_turns),
    }
    return next((flaw for flaw, is_found in flaws.items() if is_found), None)


def _takes_the_users_place(answer: str, question: str) -> bool:
    """Whether somebody who was asked for advice speaks as if it were their own question."""
    asked = set(_ASKED_VERB.findall(question))
    if not asked.isdisjoint(_COULD_VERB.findall(answer)):
        return True
    if not _OWN_MATTER.search(question) or _SECOND_PERSON.search(answer):
        return False
    takes_over = not set(_TOLD_OWN.findall(question)).isdisjoint(_OWN.findall(answer))
    does_it = not asked.isdisjoint(_OWN_VERB.findall(answer))
    # "My" is a word in Polish, too.
    return (takes_over and _is_english(answer)) or does_it or bool(_AS_THE_ASKER.search(answer))


def _runs_together(talk: str) -> bool:
    return bool(_RUN_TOGETHER.search(talk) or (_is_english(talk) and _LONG_ENGLISH.search(talk)))


def _is_english(talk: str) -> bool:
    return len(_ENGLISH.findall(talk)) >= 3


def _is_lecture(answer: str) -> bool:
    # A character says "I" and talks; headings, bold print and formulas are how assistants write.
    # Code blocks are left out: there # begins a comment and ** is a power.
    talk = strip_code(answer)
    is_assistant = bool(_MARKUP.search(talk) or _ASSISTANT.search(talk))
    return is_assistant or (_is_english(talk) and not _FIRST_PERSON.search(talk))


def _names_itself(answer: str, name: str) -> bool:
    """Whether somebody speaks about the character: its name stands where it does not introduce itself."""
    given = re.escape(name.split(maxsplit=1)[0])
    return bool(re.search(rf"(?<!I am )(?<!I['’]m )(?<!name is )(?<!name['’]s )(?<!call me )\b{given}\b", answer))


def find_added_numbers(answers: Sequence[str], session: Session) -> list[str]:
    """List the numbers of three digits or more that neither the session nor the character has: they are made up."""
    character = (str(value) for value in session.character.values())
    told = _read_large_numbers(" ".join((*session.user_turns, *session.answers, *character)))
    return [number for number in _read_large_numbers(" ".join(answers)) if number not in told]


def _read_large_numbers(text: str) -> list[str]:
    wholes = (number.replace(",", "").partition(".")[0] for number in list_numbers(text))
    return list(dict.fromkeys(whole for whole in wholes if len(whole) >= _TELLING_DIGITS))


def strip_name_label(text: str, name: str) -> str:
    """Take away the speaker's label that models put before what they say."""
    first = re.escape(name.split(maxsplit=1)[0])
    return re.sub(rf"^\s*\**({re.escape(name)}|{first}|assistant)\**\s*:\s*", "", text.strip(), flags=re.IGNORECASE)


def _repeats(answer: str, question: str, originals: Sequence[str]) -> bool:
    # Where the original answer quotes the question, the task wants it: to correct a sentence, to go on with a list.
    return shares_run(answer, question, 12) and not any(shares_run(original, question, 12) for original in originals)
