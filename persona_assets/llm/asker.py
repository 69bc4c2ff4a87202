"""How one asset asks a model: its client, its prompt file and what the settings change about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import ChatRequest
from persona_assets.llm.structured import answer_schema
from persona_assets.llm.tasks import Task
from persona_assets.llm.team import ModelTeam
from persona_assets.prompts import Prompt, PromptFile
from persona_assets.row_checks import RowChecks
from persona_assets.settings import DefaultSettings, TaskSettings

P = TypeVar("P", bound=PromptFile)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Asker(Generic[P]):
    """Makes the tasks of one asset and shard. `settings`: of `[tasks.NAME]`; what they leave out is in `defaults`."""

    client: ModelClient | ModelTeam
    prompt: Prompt[P]
    task: str
    shard: str
    settings: TaskSettings
    defaults: DefaultSettings = field(default_factory=DefaultSettings)
    checks: RowChecks = field(default_factory=RowChecks)

    @property
    def candidates(self) -> int:
        """Replies drawn for a row."""
        return count_candidates(self.settings, self.prompt.content, self.defaults)

    @property
    def window(self) -> int:
        """Tasks that may wait at once."""
        return self.client.window

    def make_task(
        self,
        row_id: str,
        context: C,
        values: Mapping[str, Any],
        sample: int = 0,
        answer_model: type[BaseModel] | None = None,
        max_tokens: int | None = None,
    ) -> Task[C]:
        """Make a task and its request from the prompt file.

        Args:
            row_id: id of what the row is made from, for the quarantine.
            sample: number of the row among those made from the same input.
            max_tokens: limit where neither the task nor the defaults set one, in place of the prompt file's.
        """
        content, settings, defaults = self.prompt.content, self.settings, self.defaults
        temperature = settings.temperature if settings.temperature is not None else defaults.temperature
        request = ChatRequest(
            model=self.client.settings.name,
            messages=self.prompt.render(**values),
            temperature=content.temperature if temperature is None else temperature,
            top_p=settings.top_p or content.top_p,
            max_tokens=settings.max_tokens or defaults.max_tokens or max_tokens or content.max_tokens,
            schema=answer_schema(answer_model) if answer_model else None,
            sample=sample,
            task=self.task,
            shard=self.shard,
            prompt_hash=self.prompt.version,
            # Of a pair, such as a character and a session, the first is what it is about.
            origin_id=row_id.partition("+")[0],
        )
        return Task(row_id, request, context, self.candidates, answer_model, models=self.client.names)


def count_candidates(settings: TaskSettings, prompt: PromptFile, defaults: DefaultSettings) -> int:
    """Count the replies drawn for a row: what the task says, else the votes that the prompt needs, else the default."""
    return settings.candidates or prompt.candidates or defaults.candidates
