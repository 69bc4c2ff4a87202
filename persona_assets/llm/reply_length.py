"""How long a reply is expected to be, by those that the same task got from the same model in this process."""

import functools

from persona_assets.llm.request import ChatRequest

UNKNOWN_LENGTH = 1_024
"""Tokens of a reply, where neither a limit nor an earlier reply says anything."""

_FEWEST = 8
"""Replies from which the next one is foretold; before, each is taken to need its whole limit."""

_LATEST = 200
_SHARE = 0.95


class ReplyLengths:
    """The lengths of the latest replies to one task."""

    def __init__(self) -> None:
        # Replaced as a whole: several threads may note at once.
        self._seen: tuple[int, ...] = ()

    def note(self, tokens: int) -> None:
        """Note the length of a reply."""
        self._seen = (*self._seen, tokens)[-_LATEST:]

    def expect(self, limit: int | None) -> int:
        """Foretell the length of the next reply: 95 of 100 are no longer.

        Args:
            limit: tokens that it can have at most; None where nothing limits it.
        """
        if len(self._seen) < _FEWEST:
            return UNKNOWN_LENGTH if limit is None else limit
        usual = sorted(self._seen)[int(_SHARE * len(self._seen))]
        return usual if limit is None else min(usual, limit)


def expect_tokens(request: ChatRequest) -> int:
    """Foretell how many tokens the reply to a request has."""
    return _find(request.model, request.task).expect(request.max_tokens)


def note_tokens(request: ChatRequest, tokens: int) -> None:
    """Note how many tokens the reply to a request had, in this run or when it was sent; 0 says nothing."""
    if tokens:
        _find(request.model, request.task).note(tokens)


def forget_lengths() -> None:
    """Forget every reply that was noted."""
    _find.cache_clear()


@functools.cache
def _find(model: str, task: str) -> ReplyLengths:
    return ReplyLengths()
