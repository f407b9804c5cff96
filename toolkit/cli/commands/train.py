"""`toolkit train`: one run."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, number, options
from toolkit.domain.errors import ConfigError


@click.command()
@click.option("-p", "--param", "params", multiple=True, metavar="KEY=VALUE", help="Parameter for train(data, params).")
@click.option("--again", is_flag=True, help="Train even if the same code, data and parameters were trained before.")
@click.option("--until", default="", metavar="TIME", help="Ingest only rows up to this event time.")
@click.option("--detach", is_flag=True, help="Submit and return; `toolkit runs show` tells how it went.")
@options
def command(session: Session, params: tuple[str, ...], again: bool, until: str, detach: bool) -> None:
    """Ingest what is new, train in a job of its own, export, measure, register."""
    from toolkit.lifecycle import ingest, train

    ctx = session.context
    given = _params(params)
    dataset = ingest.run(ctx, until=until)
    result = train.run(ctx, dataset=dataset, again=again, params=given or None, detach=detach)
    session.emit("train.v1", train.document(result), lambda: _said(train.document(result)))


def _params(texts: tuple[str, ...]) -> dict[str, object]:
    from toolkit.bootstrap.layers import literal

    found: dict[str, object] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--param {text!r}: write KEY=VALUE", hint="toolkit train -p trees=200")
        found[key] = literal(value)
    return found


def _said(run: dict[str, object]) -> str:
    metrics = run["metrics"] if isinstance(run["metrics"], dict) else {}
    measured = "  ".join(f"{name} {number(value)}" for name, value in metrics.items())
    version = f"version {run['version']} of {run['model']}" if run["version"] else "no version yet"
    again = " (the same code, data and parameters: nothing was trained again)" if run["reused"] else ""
    return f"run {run['id']} {run['status']}: {version}{again}\n{measured}"
