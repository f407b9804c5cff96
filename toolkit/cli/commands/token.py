"""`toolkit token`: for calling a local endpoint by hand."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@options
def command(session: Session) -> None:
    """Print the token that local endpoints ask for.

    curl -H "Authorization: Bearer $(toolkit token)" URL/predict ...
    """
    from toolkit.bootstrap import local

    token = local.token(session.context)
    session.emit("token.v1", {"token": token}, token)
