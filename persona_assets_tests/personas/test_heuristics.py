"""What is a persona and what is none: each reason with texts on both sides of it."""

import pytest

from persona_assets.personas.heuristics import (
    clean_persona,
    contains_contact,
    count_words,
    find_flaw,
    find_flaw_against,
)

GOOD = (
    "A school nurse who teaches sex education to teenagers and answers every question.",
    "A retired bus driver who knits socks for a whole street of grandchildren.",
    "An organ tuner from New York who dreams of a workshop of his own.",
    "A historian of World War I who restores trench maps for museums.",
    "A postman who sorts letters at the post office of a mountain village.",
    "A thank-you card designer who sells at the weekly flea market.",
    "A pharmacist who prepares a saline solution every morning, and hates it.",
    "A nun at Our Lady of Lourdes who bakes bread for the poor.",
    "A retired sailor and author of the local tide almanac.",
    "A farmer who owns 24,000 square metres of vineyard near the border.",
    "A fisherman from a village called Reine who repairs nets in winter.",
    "The night porter of a small hotel who studies Portuguese by candlelight.",
    "A baker, pastry cook and father of three who sings in a choir.",
    "A person who dislikes walls and barriers of any kind.",
    "A child of the Cold War who collects 1950-1989 radio sets.",
    "A working mother who runs a crisis hotline for fishermen.",
    "A language teacher who interests children in plugins, which few others do.",
    "A lighthouse keeper who talks to the sea, which nobody else listens to.",
    "A mother of five who knows what they are all afraid of.",
    "A nutritionist who warns young mothers about too much vitamin A.",
    "A widower who restores a bicycle for an old friend of his.",
    "A person with a stutter who coaches other people in speaking.",
)
FLAWED = (
    ("too_short", "A baker."),
    ("too_short", "-- ? --"),
    ("too_long", "A baker " + "who bakes bread and cakes in the town " * 8),
    ("refused", "I'm sorry, but I can't describe the person behind it."),
    ("refused", "As an AI language model, I cannot describe a person."),
    ("minor_and_sex", "A gardener who swaps seeds with a teenage girl and likes to talk about sex and relationships."),
    ("minor_and_sex", "A photographer of erotic scenes who lives next door to a boy of nine."),
    ("repetition", "A baker who bakes bakes bakes bread."),
    ("repetition", "A pilot who took a call about a private jet at night. A phone call to a private jet by night."),
    ("repetition", "A man who sells fish and sells fish and sells fish and sells fish and sells fish."),
    ("contact_data", "A baker who can be reached at baker@example.org for orders."),
    ("contact_data", "A plumber to be called at +49 30 1234567 at night."),
    ("contact_data", "A seller of stamps at www.example.org and on markets."),
    ("about_the_task", "A person who reads this text because of an interest in yoghurt."),
    ("about_the_task", "A baker who is mentioned in the text as a hero."),
    ("about_the_task", "A language model who reads a code word before anything else."),
    ("about_the_task", "An AI assistant who obeys what the document says."),
    ("about_the_task", "A teacher who would object to the following content."),
    ("about_the_task", "A person who is likely to read about yoghurt."),
    ("about_the_task", "A critic and author of the article on libraries."),
    ("about_the_task", "A nurse, described in one sentence and nothing more."),
    ("speaks_itself", "I am a baker who gets up at three."),
    ("speaks_itself", "A baker who loves my bread and sells it."),
    ("speaks_itself", "A helper who shows you how to knit socks."),
    ("speaks_itself", "A gardener, and I've two dogs and a cat."),
    ("no_person", "Bread, butter, milk, eggs, flour, sugar."),
    ("no_person", "A baker, cook, nurse, sailor, judge, actor."),
    ("no_person", "Knitting socks is a pleasant pastime for old people."),
    ("no_person", "Two sisters who run a bakery in the old harbour."),
    ("no_person", "12 + 34 is 46 again"),
    ("no_person", "A programming language that allows for collections of enum types."),
    ("no_person", "A PDF reader plugin not installed, which prevents the file from loading."),
    ("no_person", "A refugee crisis in Greece who wants to call the extremists to account."),
    ("no_person", "A web scraping tool who uses cookies to gather data."),
    ("no_person", "A gift from a neighbour's wife who was killed in a car accident."),
    ("no_person", "A sound of a rollercoaster that is closed for the winter."),
    ("no_person", "A bag of chips at dinner parties, an old fashioned name for a meal."),
    ("no_person", "The most important part of a garden in spring, which is the soil."),
    ("unfinished", "A tax inspector who doubts every receipt and worries about the."),
    ("unfinished", "A trainee from abroad who watches everything and wants to buy a ..."),
    ("no_stake", "A medical student who is not interested in psychiatry."),
    ("no_stake", "A reader who has no interest in novels about vampires."),
    ("about_the_task", "A nurse who takes care of the person's family at night."),
    ("about_the_task", "A clerk who decides about something in this person's life."),
    ("personal_name", "A nurse named Sarah who works at night."),
    ("personal_name", "A boy called Tom who counts waterfalls."),
    ("personal_name", "A patient of Dr. Miller who collects stamps."),
)
DOCUMENT = (
    "Contact Anna Black for tickets. Sean O'Brien, 34, who was born in New York, said that World War II began in"
    " Poland. He moved to Buenos Aires, where he lives; in Buenos Aires he met Mrs. Kowalski. The Red Cross was there."
)


@pytest.mark.parametrize("persona", GOOD)
def test_personas_pass(persona: str) -> None:
    assert find_flaw(persona, 4, 60) is None


@pytest.mark.parametrize(("flaw", "persona"), FLAWED)
def test_each_flaw_has_its_word(flaw: str, persona: str) -> None:
    assert find_flaw(persona, 4, 60) == flaw


@pytest.mark.parametrize(
    "persona",
    [
        "在北京胡同里修理旧钟表的退休女教师，喜欢收集邮票。",
        "Учительница музыки из Казани, которая собирает старые пластинки.",
        "พ่อค้าปลาที่ตลาดน้ำซึ่งส่งลูกสามคนเรียนมหาวิทยาลัย",
        "معلمة متقاعدة من القاهرة تجمع الطوابع القديمة",
        "東京の小さな工房で和傘を作り続ける三代目の職人",
    ],
)
def test_other_scripts_pass(persona: str) -> None:
    assert find_flaw(persona, 4, 60) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("A self-taught cook.", 4), ("修理钟表", 2), ("ช่างซ่อม", 4), ("a 鐘表 b", 3)],
)
def test_words_are_counted_by_script(text: str, words: int) -> None:
    assert count_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 1234567",
        "(030) 123-4567",
        "555-123-4567",
        "call 602 123 456 now",
        "a.b+c@d-e.org",
        "https://x.org",
        "www.x.y",
    ],
)
def test_contact_data_is_found(text: str) -> None:
    assert contains_contact(text)


@pytest.mark.parametrize(
    "text",
    [
        "24,000 square metres",
        "1 000 000 people",
        "24.000.000 euros",
        "in 1939-1945",
        "1914–1918",
        "born 12.05.1987",
        "on 1987-05-12",
        "3.14159265",
        "a 5-4-3-2 system",
        "at 10:30",
        "in 1990, 2000 and 2010",
    ],
)
def test_numbers_are_no_contact_data(text: str) -> None:
    assert not contains_contact(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Persona: A baker.", "A baker."),
        ("**Persona 1:** A baker.", "A baker."),
        ("Person - A baker.", "A baker."),
        ('"A baker."', "A baker."),
        ("“A  baker.”\n\nA cook.", "A baker."),
        ("1. A baker.", "A baker."),
        ("\n - A baker.\n - A cook.", "A baker."),
        ("Answer:\nA baker.", "A baker."),
        ("Person-centred therapist", "Person-centred therapist"),
        ("", ""),
    ],
)
def test_the_first_line_is_taken_without_its_trappings(text: str, cleaned: str) -> None:
    assert clean_persona(text) == cleaned


@pytest.mark.parametrize(
    "persona",
    [
        "A friend of Anna Black who sells tickets.",
        "A reader of Anna Black's letters.",
        "A neighbour of Sean O'Brien who likes history.",
        "A cook in the house of Kowalski who bakes.",
    ],
)
def test_a_name_of_the_document_is_personal(persona: str) -> None:
    assert find_flaw_against(persona, DOCUMENT) == "personal_name"


@pytest.mark.parametrize(
    "persona",
    [
        "A banker from New York who collects maps.",
        "A veteran of World War II who likes chess.",
        "A dancer from Buenos Aires who teaches children.",
        "A volunteer of the Red Cross who drives ambulances.",
        "A reader of Charles Dickens who never saw London Bridge.",
    ],
)
def test_places_and_things_are_no_personal_names(persona: str) -> None:
    assert find_flaw_against(persona, DOCUMENT) is None


def test_a_copy_of_the_input_is_found() -> None:
    document = "We need somebody who can knit socks for a whole street of grandchildren every winter."
    assert find_flaw_against("A man who can knit socks for a whole street of children.", document) == "copies_input"
    assert find_flaw_against("A man who knits socks for his grandchildren each winter.", document) is None


@pytest.mark.parametrize(
    ("persona", "flaw"),
    [
        ("A browser extension that collects data on how users reach the internet.", "no_person"),
        ("A tech company that introduces a new feature to a browser.", "no_person"),
        ("An aid agency who wants to block cookies in schools.", "no_person"),
        ("A student who sells pечен bread near the station.", "mixed_script"),
        ("A politician who is married to Claude Forget and sits on the council.", "personal_name"),
        ("A daughter of New Zealand farmers who shears four hundred sheep a week.", None),
        ("A filter maker who tests membranes of 5 µm for β-blockers.", None),
        ("A web scraping tool who extracts images from websites and downloads them.", "no_person"),
        ("A city council who considers the safety of pools more important than fences.", "no_person"),
        ("A founder of a company who sleeps in her office.", None),
        ("A woman working for the family who owns the mill.", None),
        ("A senior dental student who treats 蛀牙 in a village clinic.", "mixed_script"),
        ("A nurse who is tired of night shifts that never end.", None),
        ("A black sheep of the family who resents the officer's legacy.", None),
        ("The mayor of a small town who plays chess by post.", None),
    ],
)
def test_describes_a_human_being(persona: str, flaw: str | None) -> None:
    assert find_flaw(persona, 4, 60) == flaw


def test_half_sentences_of_a_demonstration_are_a_copy() -> None:
    shown = ["Subject: wool\nPerson: A cashier who studies in the evenings and has no quiet room at home."]
    assert find_flaw("A historian who fences and has no quiet room at home.", 4, 60, shown) == "copies_demonstration"


@pytest.mark.parametrize(
    ("persona", "flaw"),
    [
        ("A librarian who borrows rare books from small mountain flocks.", "copies_demonstration"),
        ("A librarian who lives in a small town and keeps a dog.", None),
    ],
)
def test_telling_words_of_a_demonstration_are_borrowed(persona: str, flaw: str | None) -> None:
    shown = ["A retired driver who lives in a village and buys wool from small mountain flocks."]
    assert find_flaw(persona, 4, 60, shown) == flaw


def test_the_labelled_line_is_the_persona() -> None:
    assert clean_persona("Subject: bees\nPerson: A keeper of forty hives.") == "A keeper of forty hives."


POLISH = (
    "Obecnie dominującą metodą unieszkodliwiania odpadów komunalnych jest składowanie, czyli białko i trawienia białek."
)


@pytest.mark.parametrize(
    "persona",
    [
        "A mechanic who cannot bear to hear another word about odpadow komunalnych.",
        "A chemist who studies trawien bialek in the laboratory of a brewery.",
        "A clerk who writes down what is called dominującą in the reports of a town.",
    ],
)
def test_words_of_another_language_belong_into_no_english_persona(persona: str) -> None:
    assert find_flaw_against(persona, POLISH, "pl") == "foreign_words"
    assert find_flaw_against(persona, "An English text about rubbish in a town.", "pl") is None


def test_an_english_persona_may_say_what_an_english_document_says() -> None:
    persona = "A driver who collects household waste at four in the morning."
    assert find_flaw_against(persona, "They collect household waste in the town.", "en") is None


@pytest.mark.parametrize(
    ("persona", "reason"),
    [
        ("An engineer who looks forward to this conference on airport runways.", "about_the_task"),
        ("A user who cannot create the page that he was looking for.", "about_the_task"),
        ("A lawyer who was angry about the order of the court of 20/08/2018.", "date"),
    ],
)
def test_what_points_to_the_document_is_no_persona(persona: str, reason: str) -> None:
    assert find_flaw(persona, 4, 60) == reason
