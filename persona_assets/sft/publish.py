"""Publishing a release: to a dataset repository of Hugging Face, or to object storage."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import polars as pl

from persona_assets.errors import LakeError, SettingsError
from persona_assets.sft.choice import SPLITS, matches
from persona_assets.sft.formats import list_folders
from persona_assets.sft.mixes import Format
from persona_assets.sft.release import read_release_facts, scan_split
from persona_assets.storage import Storage

HUB = "hf://datasets/"
_CARD, _FACTS = "README.md", "release.json"
_NEVER = ("*-ND*",)
"""Of a licence that allows no derivatives nothing may be published, whatever the settings say."""


_SPLIT = "|".join(SPLITS)
_FOLDER = "|".join((*list_folders(get_args(Format)), "packed"))
_OF_RELEASES = re.compile(
    rf"(?:{_SPLIT})[^/]*\.parquet|(?:{_FOLDER})/(?:{_SPLIT})\.parquet|axolotl-(?:{_FOLDER})\.yaml", re.IGNORECASE
)
"""What some releases have and others have not; whatever else lies beside a release, such as in a bucket, is not its."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published. `size`: their bytes."""

    address: str
    files: int
    size: int


def find_forbidden(release: Path, allowed: Sequence[str]) -> list[tuple[str, int]]:
    """The licences of a release that no pattern allows to be published, with their rows, the most frequent first."""
    rows = pl.concat([scan_split(release, split).select("license") for split in SPLITS])
    counted = rows.select(pl.col("license").str.split(" AND ")).explode("license").group_by("license").len()
    return [
        (name, number)
        for name, number in counted.sort("len", "license", descending=[True, False]).collect().iter_rows()
        if not matches(name, allowed) or matches(name, _NEVER)
    ]


def publish_release(release: Path, address: str, allowed: Sequence[str], token: str | None, private: bool) -> Published:
    """Publish a release as it lies in its folder, with its card, in place of an earlier one at the same address.

    Args:
        address: `hf://datasets/OWNER/NAME`, or a folder of object storage (`s3://BUCKET/PATH`, `gs://`, `file://`).
        token: of Hugging Face; none: the one that is logged in.
        private: whether a new repository is private.

    Raises:
        LakeError: if there is no release, a licence does not allow it, the upload fails, or files of others at the
            address would be read as rows of it.
        SettingsError: for an address of another kind.
    """
    if read_release_facts(release) is None:
        raise LakeError(f"There is no release in {release}. Materialise sft_dataset of this mix first.")
    forbidden = find_forbidden(release, allowed)
    if forbidden:
        listed = ", ".join(f"{name} ({number:,} rows)" for name, number in forbidden[:10])
        raise LakeError(
            f"The release {release.name} is not published, for licences of its sources do not allow it: {listed}. Leave"
            " them out by filters.licenses or filters.without_licenses of the mix, or, if you have the right to,"
            " name them in release.licenses."
        )
    files = sorted(path for path in release.rglob("*") if path.is_file() and not path.name.startswith("."))
    if address.startswith(HUB):
        _upload_to_hub(release, address.removeprefix(HUB), token, private)
    elif "://" in address:
        _copy_to_storage(release, files, address)
    else:
        raise SettingsError(
            f"publish --to {address}: write {HUB}OWNER/NAME, or s3://BUCKET/PATH, gs://..., file://...."
        )
    return Published(address, len(files), sum(path.stat().st_size for path in files))


def _upload_to_hub(release: Path, repository: str, token: str | None, private: bool) -> None:
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi(token=token)
    try:
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=release,
            ignore_patterns=[".*"],
            # What an earlier release had and this one has not would be taken for a part of it.
            delete_patterns=["*"],
            commit_message=f"Release {release.name}",
        )
    except (HfHubHTTPError, HFValidationError, HTTPError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise LakeError(
            f"{HUB}{repository} could not be written ({type(error).__name__}: {reason}). Log in by `hf auth login`, or"
            " set HF_TOKEN to a token that may write; then give the same command again."
        ) from None


def _copy_to_storage(release: Path, files: Sequence[Path], address: str) -> None:
    storage = Storage(address)
    names = [path.relative_to(release).as_posix() for path in files]
    try:
        outdated = _find_outdated(storage, names)
        # Facts go last: whoever reads them finds all that they name.
        for name in sorted(names, key=lambda name: (name == _FACTS, name)):
            storage.publish(release / name, name)
        for name in outdated:
            storage.remove(name)
    except (LakeError, OSError) as error:
        raise LakeError(f"The release {release.name} could not be written. {error}") from None


def _find_outdated(storage: Storage, names: Sequence[str]) -> list[str]:
    """The files that an earlier release left at an address, and that would be taken for a part of this one.

    Raises:
        LakeError: if there is no earlier release, but files that the card would count as rows of this one.
    """
    outdated = [name for name in storage.list_files() if name not in names and _OF_RELEASES.fullmatch(name)]
    if _holds_release(storage):
        return outdated
    strays = [name for name in outdated if "/" not in name and name.endswith(".parquet")]
    if strays:
        raise LakeError(
            f"{storage.root} holds {', '.join(strays[:3])}, but no earlier release: they would be read as rows of this"
            " one. Nothing was written. Move them away, or name another address."
        )
    return []


def _holds_release(storage: Storage) -> bool:
    """Whether what lies at an address says of itself what only a release does; nothing of another folder is deleted."""
    if not (storage.exists(_CARD) and storage.exists(_FACTS)):
        return False
    with storage.open(_FACTS) as file:
        content = file.read()
    try:
        facts = json.loads(content)
    except ValueError:
        return False
    return isinstance(facts, dict) and facts.keys() >= {"mix", "mix_version", "data_version"}
