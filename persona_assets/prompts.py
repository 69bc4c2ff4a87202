"""Prompt files: YAML with a system text, a user template and demonstrations, rendered to chat messages.

Demonstrations become earlier turns of the chat: the user turn rendered by the same template, and the
assistant's answer. Text from the web enters a template only through the filter `data`, which delimits it and
takes away whatever could close the delimiter or start a turn of its own; personas, instructions and what models
wrote enter through `plain`, which takes away what could start a turn.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from jinja2 import StrictUndefined, TemplateError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from persona_assets.errors import PromptError
from persona_assets.yaml_files import read_yaml, validate_yaml

Message = dict[str, str]

# No white space inside: each mark is replaced by a blank, so that what is left around it makes no new one.
_CHAT_MARKS = re.compile(
    r"<[|｜][^|｜<>\s]{0,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start_of_turn|end_of_turn|bos|eos)>", re.IGNORECASE
)
# White space, and characters that are there but cannot be seen.
_BLANK = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*"


class Demonstration(BaseModel):
    """One few-shot example: the template's values and the answer wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, Any] = Field(default_factory=dict)
    answer: str | dict[str, Any]

    def answer_text(self) -> str:
        """The answer as the model would write it."""
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)


class PromptFile(BaseModel):
    """The content of a prompt file; a recipe adds keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    system: str = ""
    user: str
    demonstrations: tuple[Demonstration, ...] = ()
    temperature: float | None = Field(None, ge=0, le=2, description="None: the provider's own.")
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(1_024, ge=1, description="None: the provider's own.")
    candidates: int | None = Field(None, ge=1, le=64, description="Where answers vote: replies drawn for a row.")

    @property
    def turns_per_row(self) -> float:
        """Questions that one row takes on average, each with all its candidates."""
        return 1.0

    @property
    def shown_per_row(self) -> int:
        """Demonstrations that one row's prompt shows."""
        return len(self.demonstrations)


P = TypeVar("P", bound=PromptFile)


@dataclass(frozen=True, slots=True)
class Prompt(Generic[P]):
    """A prompt file in use; the version is a hash of the file's bytes and the `code_version` of assets made from it."""

    name: str
    version: str
    content: P

    def render(self, demonstrations: Sequence[Demonstration] | None = None, **values: Any) -> list[Message]:
        """Make the chat messages: system, demonstrations (the file's, or those given), then the user turn.

        Raises:
            PromptError: if the template uses a variable that is not given.
        """
        content = self.content
        messages = self._turns("system", content.system, values) if content.system else []
        for demonstration in content.demonstrations if demonstrations is None else demonstrations:
            messages += self._turns("user", content.user, {**values, **demonstration.values})
            messages.append({"role": "assistant", "content": demonstration.answer_text().strip()})
        return messages + self._turns("user", content.user, values)

    def _turns(self, role: Literal["system", "user"], template: str, values: Mapping[str, Any]) -> list[Message]:
        return [{"role": role, "content": render_template(template, values, f"prompt {self.name}").strip()}]


def render_template(template: str, values: Mapping[str, Any], where: str) -> str:
    """Render a Jinja template in a sandbox; PromptError naming `where`, for an unknown variable or a syntax error."""
    try:
        return str(_compile(template).render(**values))
    except UndefinedError as error:
        raise PromptError(f"The {where} uses a variable it is not given: {error.message}.") from None
    except TemplateError as error:
        raise PromptError(f"The {where} is no valid template: {error.message}.") from None


def list_variables(template: str) -> set[str]:
    """The variables that a template uses; TemplateSyntaxError if it is none."""
    return set(find_undeclared_variables(_environment().parse(template)))


def delimit(text: str, tag: str = "text") -> str:
    """Delimit untrusted text as data: `<tag>…</tag>`, which the text can neither close nor escape."""
    name = _BLANK.join(map(re.escape, tag))
    mark = re.compile(rf"[<＜]{_BLANK}[/／]?{_BLANK}{name}\b[^<>＜＞\n]*[>＞]?", re.IGNORECASE)
    return f"<{tag}>\n{mark.sub(f'({tag})', strip_chat_marks(text)).strip()}\n</{tag}>"


def strip_chat_marks(text: str) -> str:
    """Take away the marks by which chat templates separate turns, so that text cannot start one."""
    return _CHAT_MARKS.sub(" ", text)


def load_prompt(path: Path, model: type[P]) -> Prompt[P]:
    """Read a prompt file; PromptError naming the file and the line or key that is wrong."""
    source, values = read_yaml(path)
    return Prompt(path.stem, hash_files(source), validate_yaml(path, source, values, model))


def hash_files(*sources: bytes) -> str:
    """The version of a prompt: a hash of the bytes of its file, and of those of the files that it takes in."""
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:16]


@lru_cache(maxsize=512)
def _compile(template: str) -> Any:
    return _environment().from_string(template)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    to_json = partial(json.dumps, ensure_ascii=False)
    environment.filters.update(data=delimit, plain=strip_chat_marks, json=to_json)
    return environment
