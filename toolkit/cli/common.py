"""What every command shares: the global options, the Context, and the one way to print a result."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.domain.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.ports.context import Context, Reporter


@dataclass
class Session:
    """One invocation. `emit` is called once, at the end."""

    directory: Path
    config: str
    target: str
    overrides: tuple[str, ...]
    as_json: bool
    quiet: bool
    shared: dict[str, Any] = field(default_factory=dict)  # between the targets of one invocation
    into: list[Any] | None = None  # where the result goes, if another prints it

    @functools.cached_property
    def report(self) -> Reporter:
        from toolkit.cli.progress import Terminal

        return Terminal(quiet=self.quiet)

    @functools.cached_property
    def context(self) -> Context:
        from toolkit.bootstrap import open_context

        return open_context(
            self.directory,
            config=self.config,
            target=self.target,
            overrides=self.overrides,
            report=self.report,
        )

    def emit(self, schema: str, data: Any, text: str | Callable[[], str] = "") -> None:
        """Print the result: the document with `--json`, else `text`."""
        if self.into is not None:
            self.into[:] = [schema, data, text() if callable(text) else text]
            return
        if self.as_json:
            import msgspec

            plain = msgspec.to_builtins({"schema": f"toolkit/{schema}", "ok": True, "data": data})
            sys.stdout.write(json.dumps(plain) + "\n")
            return
        said = text() if callable(text) else text
        if said:
            click.echo(said)

    def once(self, name: str, found: Callable[[], Any]) -> Any:
        """`found()` of the first target that this invocation is about, for all of them."""
        if name not in self.shared:
            self.shared[name] = found()
        return self.shared[name]

    def confirm(self, question: str, yes: bool, *, expect: str = "") -> None:
        """Ask on a terminal; without one, refuse with the flag to pass. `expect`: the word that must be typed."""
        if yes:
            return
        if self.as_json or not sys.stdin.isatty():
            raise ConfigError(f"{question} Nobody is here to ask.", hint="add --yes")
        answered = click.prompt(f"{question} Type {expect!r}", err=True) == expect if expect else click.confirm(
            question, err=True)  # fmt: skip
        if not answered:
            raise click.Abort


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the global options; it receives a Session first."""
    return _options(function, several=False)


def targets(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `options`, for a command that runs once for each target of one that stands for several (`cli.several`)."""
    return _options(function, several=True)


def _options(function: Callable[..., Any], *, several: bool) -> Callable[..., Any]:

    @click.option("-t", "--target", default="", help="Target of toolkit.toml; default: the first one, or local.")
    @click.option("--config", default="", metavar="FILE", help="Configuration file; default: the nearest toolkit.toml.")
    @click.option("-C", "directory", default=".", metavar="DIR", help="Run as if started in DIR.")
    @click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one configuration value.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress.")
    @functools.wraps(function)
    def run(
        target: str, config: str, directory: str, overrides: Sequence[str], as_json: bool, quiet: bool, **rest: Any
    ) -> Any:
        folder = Path(directory)
        if not folder.is_dir():
            raise ConfigError(f"no such folder: {directory}", hint="toolkit init -C DIR makes a project in a new one")
        session = Session(folder.absolute(), config, target, tuple(overrides), as_json, quiet)
        if several:
            from toolkit.cli.several import each

            return each(function, session, rest)
        return function(session, **rest)

    return run


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns aligned by width, two spaces apart; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in range(len(headers))]
    numeric = [bool(cells) and all(_number(row[i]) for row in cells) for i in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line([h.upper() for h in headers]), *(line(row) for row in cells)])


def _number(cell: str) -> bool:
    return not cell or cell.replace(".", "", 1).replace("-", "", 1).replace("%", "").isdigit()


def short(digest: str) -> str:
    return digest[:12]


def number(value: float | None) -> str:
    """Four digits after the point at most; nothing for None."""
    if value is None:
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:.4g}"
