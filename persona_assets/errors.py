"""The errors that a user can act on.

Every error that leaves the package on purpose is a `PersonaAssetsError`: one readable paragraph that
names the file, row or setting and says what to do. Whoever shows it to a person (the command line, a
Dagster step) prints its text without a traceback.
"""


class PersonaAssetsError(Exception):
    """What went wrong, where, and what to do about it, in one paragraph."""


class SettingsError(PersonaAssetsError):
    """A setting is unknown, has the wrong type or contradicts another."""


class CorpusError(PersonaAssetsError):
    """A file of the corpus or of the instructions cannot be read."""


class PromptError(PersonaAssetsError):
    """A prompt, recipe or mix file is not well formed."""


class ModelError(PersonaAssetsError):
    """The model cannot be used at all: unknown, unreachable, refused key. Ends the run, resumably."""


class BudgetError(PersonaAssetsError):
    """The next request could pass the budget. Ends the run, resumably."""


class BatchPendingError(PersonaAssetsError):
    """A provider works on batches that the run does not wait for. Ends the run, resumably."""


class LakeError(PersonaAssetsError):
    """A table of the lake is missing, unreadable or could not be written."""


class UndecidedShardError(LakeError):
    """A shard of the hub has to wait for one that is not decided yet."""


class IndexUnavailableError(PersonaAssetsError):
    """The vector index is down, locked by another process or holds vectors of another model."""
