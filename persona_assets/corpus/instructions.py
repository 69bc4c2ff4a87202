"""Instruction sets: the sessions that characters answer again, in one table."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from persona_assets.corpus.cleaning import strip_unstorable
from persona_assets.corpus.entries import Dropped, Record, build_dropped_frame, cut_head
from persona_assets.corpus.file_listing import SkippedFile, describe_skipped, list_files
from persona_assets.corpus.instruction_shapes import SHAPES, ShapeError, Turn, has_known_shape, read_sessions
from persona_assets.corpus.licenses import find_license
from persona_assets.corpus.readers import get_format
from persona_assets.corpus.shards import join_relative
from persona_assets.errors import CorpusError
from persona_assets.settings import InstructionSettings

MAX_LINE_BYTES = 20_000_000

INSTRUCTION_SCHEMA = pl.Schema(
    {
        "instruction_id": pl.String(),
        "turns": pl.List(pl.Struct({"role": pl.String(), "content": pl.String()})),
        "n_user_turns": pl.Int64(),
        "has_answers": pl.Boolean(),
        "system": pl.String(),
        "source": pl.String(),
        "license": pl.String(),
        "n_chars": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True)
class _Session:
    instruction_id: str
    turns: tuple[Turn, ...]
    system: str | None
    source: str
    license: str


def read_instructions(settings: InstructionSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read every instruction set of a folder, or of one file.

    Returns:
        The sessions, of `INSTRUCTION_SCHEMA`: `turns` alternate between user and assistant and begin with a
        user; `has_answers` is true when every user turn has its answer; `system` keeps a system message apart.
        And what was dropped, of `DROPPED_SCHEMA`.

    Raises:
        CorpusError: if the path is missing or holds no instruction set, or a file has no known shape.
    """
    root = settings.path.expanduser()
    files, skipped = _choose_files(root)
    kept: dict[str, _Session] = {}
    dropped = [Dropped(join_relative(item.path, root.resolve()), "file_skipped", item.reason, "") for item in skipped]
    for path in files:
        for found in _read_file(path, join_relative(path, root.resolve()), settings.license):
            if isinstance(found, Dropped):
                dropped.append(found)
            elif (earlier := kept.setdefault(found.instruction_id, found)) is not found:
                head = cut_head(found.turns[0].content)
                dropped.append(Dropped(found.source, "exact_duplicate", f"equal to {earlier.source}", head))
    rows = [_build_row(session) for session in kept.values()]
    return pl.DataFrame(rows, schema=INSTRUCTION_SCHEMA, orient="row"), build_dropped_frame(dropped)


def _choose_files(root: Path) -> tuple[list[Path], list[SkippedFile]]:
    listed, skipped = list_files(root, "instructions.path")
    files = []
    for path in listed:
        form = get_format(path)
        if form.columns or form.is_document:
            skipped.append(SkippedFile(path, "no format of instruction sets"))
        else:
            files.append(path)
    if not files:
        raise CorpusError(
            f"instructions.path: {root} holds no instruction set. Put JSON, JSON-lines, CSV or Parquet files in it, "
            f"or set instructions.path to another folder. {describe_skipped(skipped)}"
        )
    return files, skipped


def _read_file(path: Path, name: str, default_license: str) -> Iterator[_Session | Dropped]:
    columns, fault, readable = dict[str, None](), None, False
    for entry in get_format(path).read(path, 0, None, MAX_LINE_BYTES):
        source = f"{name}:{entry.position}"
        if isinstance(entry, Record):
            readable = True
            columns |= dict.fromkeys(entry.fields)
            yield from _read_row(entry, source, default_license)
        else:
            fault = fault or f"record {entry.position}: {entry.reason} ({entry.detail})"
            yield Dropped(source, entry.reason, entry.detail, cut_head(entry.head))
    if not readable:
        raise CorpusError(f"{path} holds nothing that can be read: {fault or 'it has no rows'}. Repair or remove it.")
    if not has_known_shape(columns):
        raise CorpusError(
            f"{path} has no instructions in a known shape ({SHAPES}); its columns are {', '.join(columns)}. "
            "Rename them, or take the file out of the folder."
        )


def _read_row(record: Record, source: str, default_license: str) -> Iterator[_Session | Dropped]:
    try:
        sessions = read_sessions(record.fields)
    except ShapeError as error:
        yield Dropped(source, error.reason, error.detail, _show(record))
        return
    for number, turns in enumerate(sessions):
        place = source if len(sessions) == 1 else f"{source}.{number + 1}"
        license_name = find_license(record.fields) or default_license
        fault = find_turn_fault(turns)
        yield Dropped(place, *fault, _show(record)) if fault else _build_session(turns, place, license_name)


def find_turn_fault(turns: list[Turn]) -> tuple[str, str] | None:
    """Return the reason and detail why turns are no session, or None; a system message may come first."""
    talk = turns[1:] if turns and turns[0].role == "system" else turns
    if not talk or any(not strip_unstorable(turn.content) for turn in talk):
        return "empty", "no turn, or one without text"
    roles = [turn.role for turn in talk]
    if roles != [("user", "assistant")[number % 2] for number in range(len(roles))]:
        return "turn_order", f"turns are {', '.join(roles[:6])}; user and assistant must alternate, the user first"
    return None


def _build_session(turns: list[Turn], source: str, license_name: str) -> _Session:
    has_system = turns[0].role == "system"
    system = strip_unstorable(turns[0].content) if has_system else ""
    talk = tuple(Turn(turn.role, strip_unstorable(turn.content)) for turn in turns[has_system:])
    return _Session(make_instruction_id(system, talk), talk, system or None, source, license_name)


def make_instruction_id(system: str, turns: tuple[Turn, ...]) -> str:
    """Return the id of a session: a hash of its system message and its turns, equal on every machine."""
    content = json.dumps([system, *([turn.role, turn.content] for turn in turns)], ensure_ascii=False)
    return "ins_" + hashlib.blake2b(content.encode(), digest_size=10).hexdigest()


def _build_row(session: _Session) -> tuple[object, ...]:
    turns = [asdict(turn) for turn in session.turns]
    return (
        session.instruction_id,
        turns,
        sum(turn.role == "user" for turn in session.turns),
        session.turns[-1].role == "assistant",
        session.system,
        session.source,
        session.license,
        sum(len(turn.content) for turn in session.turns),
    )


def _show(record: Record) -> str:
    return cut_head(json.dumps(dict(record.fields), ensure_ascii=False, default=str))
