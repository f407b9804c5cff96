"""`toolkit token`: the token of an endpoint, for calling it by hand; `--new` makes one."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options
from toolkit.domain.errors import Unsupported


@click.command()
@click.option("--new", "renew", is_flag=True, help="Make a new token and keep it as a secret; deploy to use it.")
@options
def command(session: Session, renew: bool) -> None:
    """Print the token that endpoints of the target ask for.

    curl -H "Authorization: Bearer $(toolkit token)" URL/predict ...
    """
    from toolkit.lifecycle import access

    ctx = session.context
    serve = ctx.project.serve
    if serve.auth == "token":
        token = access.renew(ctx) if renew else access.read(ctx, serve.token_secrets[0])
    elif renew or serve.auth != "default":
        raise Unsupported(
            f"the endpoint has no token of its own: [serve] auth is {serve.auth!r}", hint='auth = "token" under [serve]'
        )
    else:
        from toolkit.bootstrap import local

        token = local.token(ctx)
    session.emit("token.v1", {"token": token}, token)
