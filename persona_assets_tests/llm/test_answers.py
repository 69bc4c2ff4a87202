"""Checks of every answer: what is caught, and as important, what is not."""

import pytest

from persona_assets.llm.answers import is_degenerate, is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that request.",
        "I’m sorry, but I can’t help with that.",
        "Sorry, I cannot provide this information.",
        "I am unable to generate such content.",
        "I'm not able to help with that.",
        "I cannot fulfill this request.",
        "I apologize, but I cannot complete this.",
        "As an AI language model, I have no opinions.",
        "I am an AI and do not have a job.",
        "Unfortunately, I can't assist.",
        "I won't continue with this.",
        "I need to decline this request.",
        "I'm not comfortable writing that.",
        "I cannot describe this person from the text provided.",
        "As an AI, I cannot have preferences.",
        "I'm an AI developed by a company, so I have no hometown.",
        "I apologise, but I won't be able to play this part any longer or write in her voice.",
        "I'm sorry, I cannot design a system of that sort.",
        "I'm unable to infer the income of people based on where they live.",
        "I can't pretend to be a real politician.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Désolé, mais je ne peux pas répondre à cette demande.",
        "Es tut mir leid, aber ich kann diese Anfrage nicht beantworten.",
        "Leider kann ich Ihnen dabei nicht helfen.",
        "Mi dispiace, ma non posso aiutarti con questa richiesta.",
        "Desculpe, mas não posso ajudar com isso.",
        "申し訳ありませんが、その依頼にはお答えできません。",
        "抱歉，我无法提供帮助。",
        '"I\'m sorry, I cannot answer."',
    ],
)
def test_a_refusal_is_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry for your loss. Tell me about her.",
        "Sorry, traveller, the inn is full.",
        "I can't decide between oak and ash for the shelves. What would you take?",
        "A nurse who cannot answer every call.",
        "As an airline pilot, I sleep in many cities.",
        "I am an aide in a nursing home.",
        "I'm not comfortable driving at night any more. Which bus goes to Leeds?",
        "I have to decline a wedding invitation. How do I say so kindly?",
        "I am not allowed to park outside my own house. Who do I write to?",
        "I'm afraid of heights, so I guard the cellar.",
        "As an AI engineer, I review pull requests before lunch.",
        "I am an AI researcher at a hospital. Which journals take negative results?",
        "I can't help but notice that the boiler is older than the house.",
        "I won't pretend that the ledger balances.",
        "I can't write a label without seeing the jar.",
        "I can't pretend to understand my tax bill. Can you?",
        "I'm sorry I can't come up with anything better than socks. What do teenagers like?",
        "I'm sorry to hear your dog cannot walk. How old is she?",
        "I'm sorry that I cannot come on Saturday.",
        "Sorry you couldn't get through to us yesterday.",
        "Es tut mir leid, dass du nicht schlafen kannst.",
        "Leider kann ich am Samstag nicht kommen.",
        "很抱歉听到你昨晚不能入睡。",
        "申し訳ありませんが、土曜日は参加できません。",
        "",
    ],
)
def test_a_character_may_say_so(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "the the the the the",
        "A baker who bakes bread. " * 6,
        "she said that he said that she said that he said that she said that he said that",
        "他是一名医生。" * 20,
        "A long and proper beginning with many words that differ. " + "and so on " * 60,
        "ja " * 30,
    ],
)
def test_a_loop_is_known(text: str) -> None:
    assert is_degenerate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It was very, very, very late.",
        "A baker in a small town who gets up at three and sings to the dough.",
        "The matrix has the rows 0, 0, 0 and 1, 0, 0, so its rank is one.",
        "一位住在山区的乡村医生，每天清晨骑着摩托车去看望行动不便的老人，给他们送药、量血压，也听他们讲过去的故事。",
        " ".join(f"In year {n} the harbour of town {n * 7} counted {n * 13} ships." for n in range(3)),
    ],
)
def test_a_proper_text_is_no_loop(text: str) -> None:
    assert not is_degenerate(text)


def test_a_long_text_may_use_its_words_again() -> None:
    text = " ".join(f"w{(n * 7919 + n * n) % 83} v{n % 71}" for n in range(400))
    assert not is_degenerate(text)
