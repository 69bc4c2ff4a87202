"""Faults of a model server by rate and seed: the same request fails in the same way, whenever it arrives."""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from persona_assets_tests.llm.server import DROPPED, GARBAGE, HOLLOW, RESET, SILENT, Response, fail, say

Answer = Callable[[dict[str, Any]], Response]
Fault = Callable[[Response], Response]

TRANSPORT: Mapping[str, Fault] = {
    "429": lambda _: fail(429),
    "429 with Retry-After": lambda _: fail(429, retry_after="0.05"),
    "500": lambda _: fail(500),
    "503": lambda _: fail(503),
    "503 with Retry-After": lambda _: fail(503, retry_after="0.05"),
    "529": lambda _: fail(529),
    "reset": lambda _: RESET,
    "dropped connection": lambda _: DROPPED,
    "half a body": lambda good: replace(good, halves=True),
    "slow drip": lambda good: replace(good, drip=0.005),
    "invalid JSON": lambda _: GARBAGE,
    "no choices": lambda _: HOLLOW,
}
"""What may pass: asked again, the same request is answered."""

NEVER: Mapping[str, Fault] = {"never answering": lambda _: SILENT}
"""Apart from the others, for each costs a whole time-out."""

CONTENT: Mapping[str, Fault] = {
    "cut off": lambda good: say(_read_text(good)[: len(_read_text(good)) // 2], "length"),
    "wrong schema": lambda _: say('{"unexpected": true}'),
    "refusal": lambda _: say("I'm sorry, but I can't help with that."),
    "marked refusal": lambda _: say("", refusal="I cannot help with that."),
    "empty": lambda _: say(""),
}
"""What comes as an answer, and is none."""


class Faults:
    """Answers as another does, but for a share of the attempts.

    A request's n-th attempt is spoilt or not by seed, content and n alone, so that neither the order of arrival nor
    the number in flight changes what happens to it.

    Args:
        answer: makes the good response.
        rate: share of the attempts that fail, 0 to 1.
        seed: another one spoils other attempts.
        kinds: faults to draw from, by name.
        at_most: faults of one request, after which it is answered; None for any number.

    Attributes:
        injected: how often each fault was made.
    """

    def __init__(
        self,
        answer: Answer,
        rate: float,
        seed: int = 0,
        kinds: Mapping[str, Fault] = TRANSPORT,
        at_most: int | None = None,
    ) -> None:
        self.injected: Counter[str] = Counter()
        self._answer, self._rate, self._seed, self._kinds, self._at_most = answer, rate, seed, kinds, at_most
        self._attempts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Response:
        request = json.dumps(body["messages"], sort_keys=True)
        good = self._answer(body)
        with self._lock:
            self._attempts[request] += 1
            # A string seeds by its content, an object's hash would differ from process to process.
            draw = random.Random(f"{self._seed} {self._attempts[request]} {request}")
            if draw.random() >= self._rate or self._faults[request] == self._at_most:
                return good
            kind = draw.choice(sorted(self._kinds))
            self._faults[request] += 1
            self.injected[kind] += 1
        return self._kinds[kind](good)


def _read_text(response: Response) -> str:
    return str(json.loads(response.body)["choices"][0]["message"]["content"])
