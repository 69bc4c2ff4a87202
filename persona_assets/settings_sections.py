"""The tables of `pipeline.toml`, one model each: what can be set, its default and its bounds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from persona_assets.row_checks import require_flags

PACKAGE = Path(__file__).resolve().parent
PACKAGED_MODEL = "embedded/smollm2-135m-instruct"

Method = Literal["zero_shot", "few_shot", "persona_few_shot"]
Choice = Literal["random", "nearest", "first"]
ANY_FLAG = ("*",)
Flags = Annotated[tuple[str, ...], AfterValidator(require_flags)]


class Section(BaseModel):
    """A table of `pipeline.toml`: immutable, and no key that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PathSettings(Section):
    """Where things lie."""

    data: Path = Field(Path("data"), description="Folder of the lake, index, ledger and releases.")
    lake: str | None = Field(
        None,
        description="Folder of the tables, or its address in object storage, as s3://BUCKET/PATH; none: <data>/lake.",
    )
    prompts: Path | None = Field(
        None, description="Folder of prompt, recipe and mix files. Default: ./prompts, else the packaged ones."
    )


class CorpusSettings(Section):
    """The web text to read."""

    path: Path = Field(PACKAGE / "sample" / "documents", description="Folder (or file) of web text.")
    min_chars: int = Field(200, ge=1, description="Shorter documents are dropped, in characters.")
    max_chars: int = Field(2_000, ge=200, description="Longer documents are cut to passages of this many characters.")
    max_passages: int = Field(4, ge=1, description="Passages kept of one long document, in order.")
    min_sentences: float = Field(
        0.5, ge=0, le=1, description="Passages with a smaller share of text in sentences are dropped: menus, lists."
    )
    languages: tuple[str, ...] = Field(
        (), description="Languages kept, as ISO 639-1 codes, for what the model can read; none named: all."
    )
    max_documents: int = Field(2_000, ge=1, description="Documents of one shard; a larger file becomes several shards.")
    max_line_bytes: int = Field(20_000_000, ge=1_000, description="Longer lines are dropped unread, in bytes.")
    license: str = Field("unknown", description="Licence of documents whose rows name none.")


class InstructionSettings(Section):
    """The instruction sets that role play starts from."""

    path: Path = Field(PACKAGE / "sample" / "instructions", description="Folder (or file) of instruction sets.")
    license: str = Field("unknown", description="Licence of instructions whose rows name none.")


class ModelSettings(Section):
    """The model and how to reach it."""

    name: str = Field(
        PACKAGED_MODEL,
        description="Any litellm model; embedded/NAME, embedded/PATH.gguf or embedded/OWNER/REPO:FILE in process; or"
        " recorded/NAME, whose replies are in the ledger alone.",
    )
    api_base: str | None = Field(None, description="URL of an OpenAI-compatible server, for example vLLM's.")
    api_key: SecretStr | None = Field(None, description="Key of the provider; never logged or stored.")
    max_concurrency: int = Field(
        64, ge=1, description="Requests in flight at once, at most: fewer while the provider has too many."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="Requests sent in a minute at most, by each process; none: as many as are answered."
    )
    tokens_per_minute: int | None = Field(
        None, ge=1, description="Tokens read and written in a minute at most, by each process; none: any number."
    )
    max_attempts: int = Field(6, ge=1, description="Attempts at one request before it is refused.")
    timeout: float = Field(600.0, gt=0, description="Seconds one request may take.")
    transport: Literal["auto", "litellm"] = Field(
        "auto", description="litellm: every call through it; auto: OpenAI-compatible servers directly, faster."
    )
    structured_output: Literal["auto", "schema", "json", "none"] = Field(
        "auto", description="How JSON is asked for: by schema, by JSON mode, by words alone; auto: what the model can."
    )


class BatchSettings(Section):
    """Providers' batch interfaces: half the price, and answers within a day."""

    enabled: bool = Field(
        False, description="Ask models through their provider's batch interface: half the price, within a day."
    )
    max_requests: int = Field(10_000, ge=1, le=50_000, description="Requests of one batch at most.")
    poll_seconds: float = Field(60.0, gt=0, description="Seconds between two looks at the batches under way.")
    max_wait_minutes: float | None = Field(
        None, ge=0, description="Minutes that a run waits for its batches, then leaves them to the next; none: any."
    )


class DefaultSettings(Section):
    """What holds for every model-backed asset that does not say otherwise under `[tasks.NAME]`."""

    candidates: int = Field(
        1, ge=1, le=64, description="Replies drawn for a row; where answers vote, the recipe's own number counts."
    )
    max_tokens: int | None = Field(None, ge=1, description="Limit of a reply, in tokens; none: the prompt file's.")
    temperature: float | None = Field(None, ge=0, le=2, description="Of every task; none: the prompt file's.")
    exclude_flags: Flags = Field(
        ANY_FLAG, description="Rows that an asset reads are left out when they have one of these flags; *: any flag."
    )


class TaskSettings(Section):
    """What one model-backed asset changes: every key falls back to `[defaults]`, then to the prompt file."""

    model: str | None = Field(None, description="Another model for this asset.")
    models: tuple[str, ...] = Field((), description="Several models that draw the candidates in turn; before `model`.")
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    candidates: int | None = Field(None, ge=1, le=64, description="Replies drawn for a row.")
    exclude_flags: Flags | None = Field(None, description="In place of defaults.exclude_flags.")
    limit: int | None = Field(None, ge=0, description="Rows asked for in a shard at most, drawn by their ids.")
    batch: bool | None = Field(None, description="Ask by batches, or not; none: what batch.enabled says.")
    method: Method | None = Field(None, description="Of a recipe: what of its demonstrations the model is shown.")
    demonstrations: Path | None = Field(
        None, description="Of a recipe: a YAML or JSONL file of demonstrations in place of its own."
    )
    shown: int | None = Field(None, ge=1, description="Of a recipe: demonstrations shown of those that it has.")
    choose: Choice | None = Field(
        None,
        description="Of a recipe: demonstrations drawn by row, those whose persona is nearest to the row's, or the"
        " first.",
    )
    draws: dict[str, str | dict[str, float]] = Field(
        default_factory=dict,
        description="Of a recipe: for what it draws one value, any text, or a weight for each of several.",
    )


class SandboxSettings(Section):
    """Where programs that models write run: an interpreter that knows no files and no network."""

    enabled: bool = Field(False, description="Run programs that a model wrote, to check its solutions.")
    max_seconds: float = Field(2.0, gt=0, le=60, description="Seconds that one program may run.")
    max_memory_mb: int = Field(64, ge=1, description="Megabytes that one program may use.")


class EmbeddingSettings(Section):
    """The embedding model."""

    model: str = Field(
        "all-MiniLM-L6-v2", description="The packaged model, or any sentence-transformers model id or folder."
    )
    scripts: tuple[str, ...] = Field(
        ("Latin",),
        description="Unicode scripts that the model reads; other text is deduplicated lexically. ['*']: all.",
    )
    batch_size: int = Field(64, ge=1)
    proposer: Literal["none", "static"] = Field(
        "none",
        description="static: a model distilled from this one proposes the hub's duplicates, and this one judges those"
        " alone: much faster for large hubs, and what the margin is too narrow for is missed.",
    )
    proposer_margin: float = Field(
        0.15, gt=0, le=0.5, description="How far below hub.cosine a pair is still proposed to the model."
    )
    engine: Literal["auto", "torch"] = Field(
        "auto", description="auto: OpenVINO on a CPU, where it gives the model's own vectors; else PyTorch."
    )


class IndexSettings(Section):
    """The vector index."""

    url: str | None = Field(None, description="URL of a Qdrant server or cluster; none: Qdrant Edge on disk.")
    api_key: SecretStr | None = None
    collection: str = "persona_hub"
    quantization: Literal["none", "int8"] = Field(
        "int8", description="Of the vectors that a server searches approximately; what it finds is compared in full."
    )
    lock_timeout: float = Field(600.0, ge=0, description="Seconds to wait for another run that uses the index.")


class LedgerSettings(Section):
    """The store of model responses."""

    url: str | None = Field(None, description="SQLAlchemy URL; none: SQLite at <data>/ledger.sqlite.")


class BudgetSettings(Section):
    """What may be spent on models; what the ledger answers costs nothing, and an unknown price does not count."""

    per_run: float | None = Field(
        None, ge=0, description="US dollars of one command, or of one run in the UI; none: no limit."
    )
    total: float | None = Field(None, ge=0, description="US dollars of all runs on the ledger; none: no limit.")


class SeedSettings(Section):
    """Text-to-Persona: what is asked of a document."""

    granularity: Literal["coarse", "fine"] = Field(
        "fine", description="coarse: a few words; fine: one or two sentences, as specific as the text allows."
    )
    relations: tuple[str, ...] = Field(
        ("read", "write", "like", "dislike"),
        min_length=1,
        description="How the person relates to the text, any verb that has the text as its object; drawn by document.",
    )
    per_document: int = Field(1, ge=1, le=16, description="Different personas asked for in the one call of a document.")
    language: str = Field(
        "en", description="Language of personas: same (the document's), or an ISO 639-1 code such as en or pt-BR."
    )

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        code, _, region = language.strip().replace("_", "-").partition("-")
        if code.lower() != "same" and not (code.isascii() and code.isalpha() and len(code) in {2, 3}):
            raise ValueError(f"{language} is no code of a language: write same, or an ISO 639-1 code such as en")
        return f"{code.lower()}-{region.upper()}" if region else code.lower()


class ExpansionSettings(Section):
    """Persona-to-Persona: how far the hub is widened."""

    rounds: int = Field(6, ge=0, le=6)
    relatives: int = Field(3, ge=1, le=16, description="People asked for in the one call of a persona.")
    kinds: tuple[str, ...] = Field(
        (), description="Kinds of relationship to draw from, such as a colleague; none: the model's own choice."
    )
    max_frontier: int | None = Field(
        None,
        ge=1,
        description="Personas expanded in one round at most, drawn by their ids, the others counted; none: as many as"
        " there are seeds.",
    )
    min_new_share: float = Field(
        0.0, ge=0, le=1, description="Stop after a round whose share of new personas is below this."
    )


class HubSettings(Section):
    """The rule of deduplication."""

    exclude_flags: Flags = Field(
        ANY_FLAG, description="Personas with one of these flags stay out of the hub; *: any flag, []: none stays out."
    )
    jaccard: float = Field(0.9, gt=0, le=1, description="Token-set Jaccard from which two personas are one.")
    cosine: float = Field(0.9, gt=0, le=1, description="Embedding cosine from which two personas are one.")
    order: Literal["decision", "registration"] = Field(
        "decision", description="registration: a shard waits until every shard registered before it is decided."
    )
    wait_minutes: float = Field(
        30.0, ge=0, description="How long a run waits for shards registered before its own, where the order says so."
    )
    exact_rows: int = Field(
        200_000,
        ge=0,
        description="Up to so many personas of one shard, or points of a server, the search is exhaustive.",
    )


class CharacterSettings(Section):
    """Character profiles."""

    limit: int | None = Field(None, ge=0, description="Characters of a shard at most; none: every hub persona.")
    attributes: str = Field(
        "free",
        description="free: the model chooses; or a YAML file of weighted values (age, gender, country, ...) that are"
        " drawn for each character and suggested to the model.",
    )


class DialogueSettings(Section):
    """Role-play dialogues."""

    characters_per_session: int = Field(3, ge=1, description="Characters that answer each session.")
    per_character: float = Field(15.3, gt=0, description="Dialogues of each kind for each character, on average.")
    own_instructions: float = Field(
        0.49, ge=0, le=1, description="Share of the sessions of dialogues_g that the shard's own personas ask."
    )
    seed: int = 0
