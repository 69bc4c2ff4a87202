"""The shapes in which instruction sets are published, each made a list of turns.

Known shapes: Alpaca (`instruction`, `input`, `output`, with an optional `history` of earlier turns), Dolly
(`instruction`, `context`, `response`), question and answer or prompt and completion, ShareGPT (`conversations` of
`from` and `value`), chat `messages` (`role`, `content`), LIMA (`conversations` of plain strings), and
Self-Instruct (`instruction` with `instances`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fields = Mapping[str, Any]

ROLES = {
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "system": "system",
}  # fmt: skip
TALK_FIELDS = ("messages", "conversations", "conversation", "turns")
QUESTION_FIELDS = ("instruction", "prompt", "question")
CONTEXT_FIELDS = ("input", "context")
ANSWER_FIELDS = ("output", "response", "answer", "completion")
SHAPES = "instruction/output, messages, conversations, prompt/response or question/answer"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a session; its role is `user`, `assistant` or `system`."""

    role: str
    content: str


class ShapeError(ValueError):
    """A row of instructions has no known shape."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def has_known_shape(columns: Collection[str]) -> bool:
    """Tell whether a file of these columns can hold instructions."""
    return any(name in columns for name in (*TALK_FIELDS, *QUESTION_FIELDS))


def read_sessions(fields: Fields) -> list[list[Turn]]:
    """Return the sessions of one row: one, or one for each instance of a Self-Instruct task.

    The order of the turns is the row's, and is not checked.

    Raises:
        ShapeError: of reason `unknown_shape`, `not_text` or `unknown_role`.
    """
    talk = _find(fields, TALK_FIELDS)
    if talk is not None:
        return [_read_talk(talk)]
    question = _find(fields, QUESTION_FIELDS)
    if question is None:
        raise ShapeError("unknown_shape", f"none of {SHAPES}; the row has {', '.join(fields) or 'no columns'}")
    instances = fields.get("instances")
    parts = instances if isinstance(instances, list) and instances else [fields]
    if not all(isinstance(part, Mapping) for part in parts):
        raise ShapeError("unknown_shape", "its instances are no objects")
    history = _read_history(fields.get("history"))
    return [[*history, *_read_pair(question, part)] for part in parts]


def _find(fields: Fields, names: Sequence[str]) -> Any:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _read_pair(question: Any, part: Fields) -> list[Turn]:
    asked, context = _read_text(question), _read_text(_find(part, CONTEXT_FIELDS))
    answer = _read_text(_find(part, ANSWER_FIELDS))
    user = Turn("user", f"{asked}\n\n{context}" if asked.strip() and context.strip() else asked or context)
    return [user, Turn("assistant", answer)] if answer.strip() else [user]


def _read_history(history: Any) -> list[Turn]:
    pairs = history or []
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ShapeError("unknown_shape", "its history is no list of pairs")
    turns = []
    for pair in pairs:
        turns += [Turn("user", _read_text(pair[0])), Turn("assistant", _read_text(pair[1]))]
    return turns


def _read_talk(talk: Any) -> list[Turn]:
    if not isinstance(talk, list):
        raise ShapeError("unknown_shape", f"its turns are a {type(talk).__name__}, not a list")
    if all(isinstance(turn, str) for turn in talk):
        return [Turn(("user", "assistant")[number % 2], turn) for number, turn in enumerate(talk)]
    return [_read_turn(turn) for turn in talk]


def _read_turn(turn: Any) -> Turn:
    if not isinstance(turn, Mapping):
        raise ShapeError("unknown_shape", f"a turn is a {type(turn).__name__}, not an object")
    name = str(_find(turn, ("role", "from")))
    if name not in ROLES:
        raise ShapeError("unknown_role", f"a turn is of {name!r}; known are {', '.join(ROLES)}")
    return Turn(ROLES[name], _read_text(_find(turn, ("content", "value"))))


def _read_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in value):
        return "\n".join(_read_text(part.get("text")) for part in value)
    if not isinstance(value, str):
        raise ShapeError("not_text", f"a text is a {type(value).__name__}")
    return value
