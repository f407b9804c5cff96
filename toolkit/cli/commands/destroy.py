"""`toolkit destroy`: nothing that was deployed is left."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, targets


@click.command()
@click.option("--purge", is_flag=True, help="Also delete the bucket: journals, models, runs, data.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@targets
def command(session: Session, purge: bool, yes: bool) -> None:
    """Remove everything that was deployed; the journal and the models stay (unless --purge)."""
    from toolkit.lifecycle import destroy

    ctx = session.context
    what = "everything deployed on" if not purge else "everything deployed on, and ALL DATA AND MODELS of,"
    session.confirm(f"Remove {what} target {ctx.target}?", yes, expect=ctx.target)
    done = destroy.run(ctx, purge=purge)
    left = done["left"]
    text = f"target {ctx.target}: {done['removed']} things removed, {', '.join(left) or 'nothing'} left"
    session.emit("destroy.v1", done, text)
