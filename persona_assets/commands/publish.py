"""`persona-assets publish`: a release pushed to Hugging Face or to object storage."""

import os

from rich.console import Console
from rich.filesize import decimal

from persona_assets.commands import say
from persona_assets.settings import Settings
from persona_assets.sft.publish import publish_release


def run_publish(settings: Settings, console: Console, mix: str, address: str, public: bool) -> None:
    """Publish the release of a mix, unless a licence of its sources forbids it.

    Raises:
        LakeError: if there is no release, a licence does not allow it, or the upload fails.
        SettingsError: for an address of no known kind.
    """
    release = settings.data / "sft_dataset" / mix
    # The variable that Hugging Face's own tools read.
    token = os.environ.get("HF_TOKEN")
    published = publish_release(release, address, settings.release.licenses, token, private=not public)
    say(console, f"{published.address}: {published.files} files, {decimal(published.size)}")
