"""The process of a provider that is played here, from its address to its end. What `ports/emulator.py` asks of it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from toolkit.execution.host import bundles


class Played(Protocol):
    """Everything of a provider on one port. It listens from the start; `address` is http://127.0.0.1:<port>."""

    address: str

    def start(self) -> None:
        """Answer from now on, in threads of its own."""
        ...

    def close(self) -> None:
        """Answer no more, and end all that runs."""
        ...


class Ending:
    """SIGTERM or SIGINT; where it is not `detached`, that standard input closes too: whoever started us is gone."""

    def __init__(self, *, detached: bool) -> None:
        # A pipe, because no lock is safe in a signal's handler: `dev --stop` sends the signal until we are gone, and
        # the second one may meet this very thread holding the lock of an Event that the first one has set.
        self._asked, self._ask = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self._end())
        if not detached:
            threading.Thread(target=self._wait_for_parent, daemon=True).start()

    def wait(self, address: str) -> None:
        """Tell the address, as the first line, and return when the end is asked for."""
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        os.read(self._asked, 1)

    def _wait_for_parent(self) -> None:
        sys.stdin.read()
        self._end()

    def _end(self) -> None:
        """Never waits: the pipe takes thousands, and the first is enough."""
        os.write(self._ask, b".")


def run(provider: str, play: Callable[[int, Path], Played]) -> None:
    """`play(port, home)`, port 0 for any that is free. Prints the address, then answers until SIGTERM, or until whoever
    started it is gone (not with --detached, for `toolkit dev`). Does not return."""
    options = _options(provider)
    folder = options.home or Path(tempfile.mkdtemp(prefix=f"{provider}-emulator-"))
    played = play(options.port, folder)
    ending = Ending(detached=options.detached)
    played.start()
    ending.wait(played.address)
    played.close()
    if not options.home:
        bundles.remove(folder)
    os._exit(0)  # no connection's thread holds it up


def _options(provider: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m toolkit.adapters.{provider}.emulator")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--home", type=Path, help="folder for what runs; default: one that is removed at the end")
    parser.add_argument("--detached", action="store_true", help="goes on when its standard input closes")
    return parser.parse_args()
