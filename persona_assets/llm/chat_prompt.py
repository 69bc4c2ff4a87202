"""A chat as the prompt that an embedded model was trained on."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from persona_assets.errors import ModelError

_CONTROL_TOKEN = re.compile(rb"<[\x21-\x3b\x3d\x3f-\x7e]{1,60}>")


class ChatPrompt:
    """Writes chats by the template that a model file carries."""

    def __init__(self, tokenizer: Any, source: str) -> None:
        """Look up which words of the vocabulary are control tokens.

        Args:
            tokenizer: the engine's tokenizer of the model.
            source: the file, for messages.
        """
        self._tokenizer = tokenizer
        self._source = source
        self._control_tokens = _find_control_tokens(tokenizer)

    def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Write a chat up to where the model goes on: at the beginning of its turn, or after what it has said of it.

        Control tokens in the messages' own text are broken up by a space, so that no text can end its turn or begin
        another.

        Args:
            messages: each with `role` (system, user, assistant) and `content`; where the last is the assistant's, it is
                how the answer begins.

        Returns:
            The prompt.

        Raises:
            ModelError: if the file's chat template cannot be used.
        """
        turns = [{"role": str(turn["role"]), "content": self.defuse(_read_text(turn))} for turn in messages]
        begun = turns.pop()["content"] if turns[-1]["role"] == "assistant" else ""
        try:
            return str(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True)) + begun
        except RuntimeError as error:
            reason = " ".join(str(error).split())[-300:].rstrip(".")
            raise ModelError(
                f"model.name: the chat template of {self._source} cannot be used: {reason}."
                " Take a file made from an instruction-tuned model."
            ) from error

    def defuse(self, text: str) -> str:
        """Break up the control tokens of a text, so that they are read as words."""
        return self._control_tokens.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def _find_control_tokens(tokenizer: Any) -> re.Pattern[str]:
    """Find the words of the vocabulary that are not text but control the chat."""
    # As bytes: not every word of a vocabulary is whole characters.
    names = [word.decode() for word in tokenizer.get_vocab() if _CONTROL_TOKEN.fullmatch(word)]
    control = [name for name in names if _is_control(tokenizer, name)]
    return re.compile("|".join(re.escape(name) for name in sorted(control, key=len, reverse=True)) or r"(?!)")


def _is_control(tokenizer: Any, name: str) -> bool:
    ids = tokenizer.encode(name, add_special_tokens=False).input_ids.data[0].tolist()
    return len(ids) == 1 and tokenizer.decode(ids) == ""


def _read_text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") if isinstance(part, Mapping) else json.dumps(part) for part in content)
