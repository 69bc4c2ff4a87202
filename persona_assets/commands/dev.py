"""`persona-assets dev`: the Dagster UI on the data folder."""

import logging
import runpy
import signal
import sys
import warnings

from rich.console import Console

from persona_assets.commands import say
from persona_assets.commands.instance import find_project_file, open_instance, prepare_home
from persona_assets.settings import Settings


def open_ui(settings: Settings, console: Console, host: str, port: int) -> None:
    """Serve the UI until the user stops it, then leave by SystemExit with Dagster's exit code.

    Dagster's own command runs in this process: whatever signal ends it reaches Dagster, which ends its servers.
    """
    home = prepare_home(settings)
    say(console, f"Dagster UI: http://{host}:{port}  (home {home}; Ctrl-C stops it)")
    if host != "127.0.0.1":
        console.print("[yellow]Warning[/]: whoever reaches this address can start runs; there is no password.")
    _quieten()
    with open_instance(settings):
        # Made under its lock before Dagster's servers, and whoever else, open it.
        pass
    workspace = find_project_file("workspace.yaml")
    # A shell's background job ignores this signal, and Dagster has SIGTERM do whatever this one does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port)]
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


def _quieten() -> None:
    from dagster import SupersessionWarning

    # Dagster recommends a command of its own that knows nothing of the data folder.
    warnings.filterwarnings("ignore", category=SupersessionWarning)
    # It looks whether ./dagster.yaml lies in the home, not whether it is there, too: it has just been copied.
    logging.getLogger("dagster").addFilter(lambda record: "will not be used to configure" not in record.getMessage())
