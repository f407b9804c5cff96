"""`toolkit invoke`: call the endpoint as a client would."""

from __future__ import annotations

import sys
from typing import Any

import click

from toolkit.cli.common import Session, number, options, table
from toolkit.domain.errors import ConfigError


@click.command()
@click.argument("file", required=False, type=click.Path(allow_dash=True))
@click.option("--sample", type=click.IntRange(1, 50), help="Take N rows of the test split.")
@click.option("--data", "text", default="", metavar="JSON", help="Rows as JSON: one record, a list, or columns.")
@options
def command(session: Session, file: str | None, sample: int | None, text: str) -> None:
    """Call the endpoint with rows from FILE (JSON; - is standard input), --data, or the test split (--sample)."""
    from toolkit.lifecycle import invoke

    if sum(bool(given) for given in (file, sample, text)) != 1:
        raise ConfigError("give exactly one of FILE, --data and --sample", hint="toolkit invoke --sample 3")
    body = _read(file) if file else text.encode()
    answer = invoke.run(session.context, sample=sample or 0, body=body)
    session.emit("invoke.v1", answer, lambda: _said(answer))


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        with click.open_file(file, "rb") as stream:
            data: bytes = stream.read()
            return data
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", hint="toolkit invoke --sample 3") from error


def _said(answer: dict[str, Any]) -> str:
    rows = [(p["id"], p["label"] if "label" in p else number(p["value"]), _shares(p)) for p in answer["predictions"]]
    return table(("id", "prediction", "probabilities"), rows)


def _shares(prediction: dict[str, Any]) -> str:
    return "  ".join(f"{name} {number(p)}" for name, p in (prediction.get("probabilities") or {}).items())
