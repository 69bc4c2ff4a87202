"""Doubts about personas: silent on good ones of any language, and none is missed that speaks of no person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personas.persona_checks import (
    clean_persona,
    doubt_relative,
    doubt_seed,
    find_name,
    find_no_person,
)
from persona_assets.row_checks import RowChecks

DOCUMENT = "The harbour office raised the fees for boats. “We had no choice,” John Smith said on Monday."
GOOD = {
    "en": (
        "A computer scientist",
        "A marine biologist who maps seagrass meadows near the West Gate of an old harbour.",
        'A clockmaker who has looked after the same tower clock since 1998 and reads "Elwynn Forest" stories at night',
        "A nurse at the University of Ghent who trains for triathlons.",
        "The head of a software company that builds tools for farmers.",
        "Someone who owns a shop that sells second-hand books, and who has nobody to leave it to.",
        "A chemist who wants to know what became of vitamin A.",
        "A widower with a daughter he rarely speaks of.",
        "An editor who notices the passage of time in every manuscript",
        "James, who drives the bus that has no heating",
        "Boss of a night shift who knows each lathe that needs oil",
        "Ali, a university student in his third year",
        "A teacher training nurses of all ages, always early",
        "Nurse in a clinic that has no lift",
    ),
    "es": (
        "Un informático",
        "Una enfermera jubilada que cuida un huerto en las afueras de Valencia y colecciona recetas antiguas.",
    ),
    "fr": (
        "Une infirmière de nuit",
        "Un garagiste qui joue de la guitare dans un groupe de reprises de hard rock le week-end.",
    ),
    "de": ("Die Leiterin eines Vereins für Naturschutz, die früher Anwältin war und heute Bienen hält.",),
    "it": ("Un liutaio di Cremona che restaura violoncelli e insegna il mestiere alla nipote.",),
    "sv": ("En pensionerad lärare i Umeå som odlar rosor på balkongen och skriver insändare om bussarna.",),
    "zh": (
        "计算机科学家",
        "一名使用Kubernetes和Docker的DevOps工程师",
        "一位退休的中学数学老师，每天在公园里教孩子们下围棋。",
    ),
    "ar": ("عالم حاسوب", "معلمة متقاعدة من القاهرة تزرع الورود على سطح منزلها وتدرّس جيرانها الخط العربي."),
}


@pytest.mark.parametrize(("language", "persona"), [(code, one) for code, some in GOOD.items() for one in some])
def test_a_good_persona_raises_no_doubt(language: str, persona: str) -> None:
    assert list(doubt_seed(persona, DOCUMENT, RowChecks(), language)) == []
    assert list(doubt_relative(persona, "A keeper of ropes.", RowChecks(), language)) == []


@pytest.mark.parametrize(
    "persona",
    [
        "A company that rents boats to tourists",
        "A small regional airline looking to reduce its expenses",
        "The city council of a harbour town",
        "A group of friends who sail",
        "A young couple who are planning their first trip",
        "People who like jazz",
        "A website about gardening",
        "yoga, health, wellness, fitness, diet",
        "family, love, trust, hope",
        "Keen cyclists and commuters who care about the new lane",
        "Weavers of the old quarter",
        "Everyone in the village",
        "They have sung together since the war.",
        "A brass lantern that is older than the lighthouse",
        "Hansen Shipping, a company that owns four ferries",
        "Muster Bau GmbH",
        "A busy teaching hospital with six wards",
        "- a nurse\n- a cook",
        "N/A",
        "No persona can be inferred.",
        "Une entreprise qui vend des vélos",
        "Una empresa que fabrica zapatos",
        "一家公司，专门从事软件开发",
    ],
)
def test_what_is_no_single_person_is_found(persona: str) -> None:
    assert find_no_person(persona)


@pytest.mark.parametrize(
    "persona",
    [
        "The text describes how tomatoes are canned.",
        "A person who is likely to read this text",
        "Someone who disliked the article, as this person says",
        "A sailor with questions about the given passage",
        "Una lectora de este texto",
        "Ein Leser, dem dieser Text gefällt",
        "一位喜欢这篇文章的老师",
    ],
)
def test_what_speaks_of_the_task_is_found(persona: str) -> None:
    assert "about_the_task" in [doubt.check for doubt in doubt_seed(persona, DOCUMENT, RowChecks())]


def test_contact_data_of_the_document_is_not_the_personas() -> None:
    document = "Write to office@harbour.org."
    doubts = list(doubt_seed("A clerk at office@harbour.org.", document, RowChecks()))
    assert [doubt.check for doubt in doubts] == ["contact_data"]


@given(st.integers(0, 10), st.integers(1, 20))
def test_a_run_of_the_document_is_a_copy_from_the_set_length_on(start: int, length: int) -> None:
    numbered = [f"rope{place}" for place in range(30)]
    persona = "A sailor who wrote " + " ".join(numbered[start : start + length])
    checks = [doubt.check for doubt in doubt_seed(persona, " ".join(numbered), RowChecks())]
    assert ("copies_source" in checks) == (length >= 14)
    checks = [doubt.check for doubt in doubt_relative(persona, " ".join(numbered), RowChecks())]
    assert ("copies_parent" in checks) == (length >= 8)


@pytest.mark.parametrize(
    ("document", "persona", "name"),
    [
        (DOCUMENT, "A cook who grew up with John Smith", "John Smith"),
        ("By Mary Ellen Porter. The council met.", "A fan of Mary Ellen Porter's column", "Mary Ellen Porter"),
        ("Ask Dr. Lund for details.", "A patient of Lund", "Lund"),
        ("Det är fint, säger Anna Berg.", "En granne till Anna Berg", "Anna Berg"),
        ("The mayor of Buenos Aires said so. In Buenos Aires, it rains.", "A planner in Buenos Aires", None),
        ("Die Deutsche Bahn sagte am Montag ab.", "A conductor of Deutsche Bahn", None),
        ("The West Gate was closed.", "A gardener by the West Gate", None),
        (DOCUMENT, "A cook who grew up with Jane Smith", None),
    ],
)
def test_only_a_name_that_the_document_uses_of_a_person_is_found(document: str, persona: str, name: str | None) -> None:
    assert find_name(persona, document) == name


@pytest.mark.parametrize(
    ("said", "cleaned"),
    [
        (' "A nurse." ', "A nurse."),
        ("“A nurse.”", "A nurse."),
        ("« Un infirmier »", "Un infirmier"),
        ('"Emergency" fillings', '"Emergency" fillings'),
        ('"Cats" and "dogs"', '"Cats" and "dogs"'),
        ('"', '"'),
        ("", ""),
    ],
)
def test_one_pair_of_enclosing_quotes_goes(said: str, cleaned: str) -> None:
    assert clean_persona(said) == cleaned


@given(st.text())
def test_cleaning_adds_nothing_and_leaves_no_white_space_around(said: str) -> None:
    cleaned = clean_persona(said)
    assert cleaned in said
    assert cleaned == cleaned.strip()
