"""The tokenizer of a model that is to be trained: chats as token ids, by the model's own template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.llm.embedded import PREFIX, find_file, import_engine, shorten

IGNORED = -100
"""The label of a token that the loss leaves out."""

Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EncodedChat:
    """A chat as a model reads it.

    `labels` are the ids where the assistant speaks and `IGNORED` elsewhere; `ends` are the numbers of tokens up to the
    end of each turn.
    """

    input_ids: list[int]
    labels: list[int]
    ends: list[int]


class ChatTokenizer:
    """Encodes chats by a model's template.

    Args:
        render: writes turns by the template, up to where an answer begins if so told.
        tokenize: the tokens of a text, with no special token added.
    """

    def __init__(
        self, name: str, render: Callable[[list[dict[str, str]], bool], str], tokenize: Callable[[str], list[int]]
    ) -> None:
        self.name, self._write, self._tokenize = name, render, tokenize

    def encode(self, messages: Chat) -> EncodedChat:
        """Encode a chat turn by turn.

        A turn's own header and its end mark belong to it; of the assistant's turns the end mark and what is said carry
        labels, the header does not.

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
                tokens = self._tokenize(part) if part else []
                ids += tokens
                labels += tokens if is_learned else [IGNORED] * len(tokens)
            text = whole
            ends.append(len(ids))
        return EncodedChat(ids, labels, ends)

    def _render(self, messages: Chat, opens_answer: bool = False) -> str:
        from jinja2 import TemplateError

        turns = [{"role": turn["role"], "content": turn["content"]} for turn in messages]
        try:
            return self._write(turns, opens_answer)
        except (TemplateError, RuntimeError) as error:
            raise ModelError(
                f"tokenizer: the chat template of {self.name} refuses a chat of {len(turns)} turns: {shorten(error)}."
            ) from None


@cache
def load_tokenizer(name: str) -> ChatTokenizer:
    """Load the tokenizer of a model.

    Args:
        name: a model id or folder of Hugging Face, or an embedded model (`embedded/NAME`, `embedded/PATH.gguf`).

    That of an embedded model is its engine's, which gives the tokens that transformers gives and loads in a third of
    the time.

    Raises:
        ModelError: if it cannot be loaded, or has no chat template.
    """
    if not name.startswith(PREFIX):
        return wrap_tokenizer(load_transformers_tokenizer(name), name)
    path = find_file(name)
    try:
        tokenizer = import_engine().Tokenizer(str(path))
    except (RuntimeError, LookupError, ValueError) as error:
        raise ModelError(f"tokenizer: the embedded engine cannot read {path}: {shorten(error)}.") from error
    _require_template(tokenizer, name)
    return ChatTokenizer(
        name,
        lambda turns, opens: str(tokenizer.apply_chat_template(turns, add_generation_prompt=opens)),
        lambda text: tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist(),
    )


def wrap_tokenizer(tokenizer: Any, name: str) -> ChatTokenizer:
    """Encode chats by a tokenizer of transformers that is loaded already."""
    return ChatTokenizer(
        name,
        lambda turns, opens: str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=opens)),
        lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
    )


def load_transformers_tokenizer(name: str) -> Any:
    """Load the tokenizer that transformers trains a model with; names and errors are those of `load_tokenizer`."""
    from transformers import AutoTokenizer

    source, options = locate_weights(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError, ImportError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"tokenizer: {name} could not be loaded ({type(error).__name__}: {reason}). Name a model id or folder of"
            " Hugging Face with a tokenizer in it, or an embedded model."
        ) from None
    _require_template(tokenizer, name)
    return tokenizer


def _require_template(tokenizer: Any, name: str) -> None:
    if not tokenizer.chat_template:
        raise ModelError(
            f"tokenizer: {name} has no chat template, so turns cannot be counted or trained on. Take the"
            " tokenizer of an instruction-tuned model."
        )


def locate_weights(name: str) -> tuple[str, dict[str, str]]:
    """What `from_pretrained` takes to find a model: a name or folder, and for a GGUF file the option that names it."""
    if not name.startswith(PREFIX):
        return name, {}
    path = find_file(name)
    return str(path.parent), {"gguf_file": path.name}
