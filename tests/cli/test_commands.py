"""Every command is there, has help, and takes the global options."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from toolkit.cli.commands import TABLE
from toolkit.cli.root import root


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None, name
            yield from leaves(inner, (*path, name))
    else:
        yield path, command


ALL = list(leaves(root))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_a_command_takes_the_global_options_and_has_help(path: tuple[str, ...], command: click.Command) -> None:
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {"--json", "--target", "--config", "-C", "--set", "--quiet"} <= flags
    assert command.help
    assert command.help.splitlines()[0].endswith((".", "?")), command.help


def test_the_listing_says_what_each_command_does() -> None:
    for name, (_, text) in TABLE.items():
        assert text.endswith("."), name
        assert len(text) < 80, name
