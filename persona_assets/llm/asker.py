"""How one asset asks a model: its client, its prompt file and what the settings change about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel

from persona_assets.llm.client import ModelClient
from persona_assets.llm.request import ChatRequest
from persona_assets.llm.structured import answer_schema
from persona_assets.llm.tasks import Task
from persona_assets.llm.team import ModelTeam
from persona_assets.prompts import Prompt, PromptFile
from persona_assets.settings import TaskSettings

P = TypeVar("P", bound=PromptFile)
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Asker(Generic[P]):
    """Makes the requests and tasks of one asset and shard.

    Attributes:
        client: who asks.
        prompt: the asset's prompt file.
        task: the asset's name.
        shard: the partition.
        settings: the table `[tasks.NAME]`; what it leaves out the prompt file says.
    """

    client: ModelClient | ModelTeam
    prompt: Prompt[P]
    task: str
    shard: str
    settings: TaskSettings

    @property
    def candidates(self) -> int:
        """Replies drawn for a row."""
        return self.settings.candidates or self.prompt.content.candidates

    @property
    def window(self) -> int:
        """Tasks that may wait at once."""
        return self.client.window

    @property
    def is_small(self) -> bool:
        """Whether the model runs in this process, and so needs more help than others."""
        return self.client.settings.is_embedded

    @property
    def continues_answers(self) -> bool:
        """Whether the model goes on with an answer that is begun for it: an embedded one always does."""
        return self.client.settings.is_embedded

    def with_content(self, content: P) -> Self:
        """Ask by the same prompt file with other content."""
        return replace(self, prompt=replace(self.prompt, content=content))

    def make_task(
        self,
        row_id: str,
        context: C,
        values: Mapping[str, Any],
        sample: int = 0,
        answer_model: type[BaseModel] | None = None,
        begins: str | None = None,
    ) -> Task[C]:
        """Make a task from the prompt file.

        Args:
            row_id: id of what the row is made from, for the quarantine.
            context: what judge and row need.
            values: the template's variables.
            sample: number of the row among those made from the same input.
            answer_model: fields of a JSON answer.
            begins: how the answer begins. A model that `continues_answers` writes only what follows; others do not see
                it but in the values.

        Returns:
            The task.
        """
        # Of a pair, such as a character and a session, the first is what it is about.
        request = replace(self.make_request(values, sample, answer_model), origin_id=row_id.partition("+")[0])
        return Task(
            row_id,
            self.begin(request, begins),
            context,
            self.candidates,
            answer_model,
            self.prompt.demonstration_texts(),
            self.settings.min_score,
            models=self.client.names,
        )

    def begin(self, request: ChatRequest, opening: str | None) -> ChatRequest:
        """Begin the answer of a request, if there is an opening and the model goes on with it."""
        if not opening or not self.continues_answers:
            return request
        return request.with_turns({"role": "assistant", "content": opening})

    def make_request(
        self, values: Mapping[str, Any], sample: int = 0, answer_model: type[BaseModel] | None = None
    ) -> ChatRequest:
        """Make one request from the prompt file."""
        content = self.prompt.content
        temperature = self.settings.temperature if self.settings.temperature is not None else content.temperature
        return ChatRequest(
            model=self.client.settings.name,
            messages=self.prompt.render(**values),
            temperature=min(temperature, self.client.settings.temperature_cap),
            top_p=self.settings.top_p or content.top_p,
            max_tokens=self.settings.max_tokens or content.max_tokens,
            schema=answer_schema(answer_model) if answer_model else None,
            stop=content.stop,
            repetition_penalty=self.settings.repetition_penalty,
            sample=sample,
            task=self.task,
            shard=self.shard,
            prompt_hash=self.prompt.version,
        )
