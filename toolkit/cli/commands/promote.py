"""`toolkit promote`: an alias moves, if the gates let it."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, number, table, targets


@click.command()
@click.argument("version", type=int, required=False)
@click.option("--alias", default="champion", show_default=True, type=click.Choice(["champion", "challenger"]))
@click.option("--no-gates", is_flag=True, help="Skip the gates; needs --reason, which is recorded.")
@click.option("--reason", default="", help="Recorded in the journal.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@targets
def command(session: Session, version: int | None, alias: str, no_gates: bool, reason: str, yes: bool) -> None:
    """Move an alias to a model version (default: the latest), once its gates pass. Exit 3 if one refuses."""
    from toolkit.lifecycle import promote

    ctx = session.context
    name = version or "the latest version"
    session.confirm(f"Make {name} of {ctx.project.model_name} the {alias}?", yes)
    done = promote.run(ctx, version, alias=alias, reason=reason, gates=not no_gates)
    rows = [(g.metric, g.gate, number(g.value), number(g.threshold), "pass") for g in done.gates]
    text = f"{ctx.project.model_name} version {done.version} is {alias}" + (
        f" (was {done.previous})" if done.previous else ""
    )
    if done.endpoint:
        text += f"\n{done.endpoint} serves it within {ctx.project.serve.swap_seconds:g} s"
    session.emit(
        "promote.v1",
        {"model": ctx.project.model_name, "alias": alias, "version": done.version, "previous": done.previous,
         "gates": done.gates, "endpoint": done.endpoint},
        lambda: text + ("\n" + table(("metric", "gate", "value", "threshold", "result"), rows) if rows else ""),
    )  # fmt: skip
