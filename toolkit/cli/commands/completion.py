"""`toolkit completion bash|zsh|fish`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from toolkit.cli.common import Session, options


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@options
def command(session: Session, shell: str) -> None:
    """Print the shell completion script.

    bash: eval "$(toolkit completion bash)"   zsh: the same   fish: toolkit completion fish | source
    """
    from toolkit.cli.root import root

    found = get_completion_class(shell)
    if found is None:  # click knows all three; a future one may not
        raise click.UsageError(f"click has no completion for {shell}")
    script = found(root, {}, "toolkit", "_TOOLKIT_COMPLETE").source()
    session.emit("completion.v1", {"shell": shell, "script": script}, script)
