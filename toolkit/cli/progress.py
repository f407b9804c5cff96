"""Progress on stderr: a bar where a person watches, a plain line now and then elsewhere (CI, a pipe, a file)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

EVERY = 2.0  # seconds between plain lines


class Terminal:
    """The Reporter of the command line. rich is imported only when a bar is drawn."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"

    def say(self, text: str) -> None:
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        click.echo(f"warning: {text}", err=True)

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        if self.quiet:
            yield lambda n: None
        elif self.live:
            with self._bar(what, total) as advance:
                yield advance
        else:
            with self._lines(what, total) as advance:
                yield advance

    @contextmanager
    def _bar(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda n: progress.advance(task, n)

    @contextmanager
    def _lines(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        started = said = time.monotonic()
        done = 0

        def advance(n: int) -> None:
            nonlocal said, done
            done += n
            if time.monotonic() - said >= EVERY:
                said = time.monotonic()
                self.say(f"{what}: {done:,}" + (f" of {total:,}" if total else ""))

        yield advance
        elapsed = time.monotonic() - started
        if elapsed >= EVERY:
            self.say(f"{what}: done in {elapsed:.1f} s")
