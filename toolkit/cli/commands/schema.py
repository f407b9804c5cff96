"""`toolkit schema`: what toolkit.toml may say."""

from __future__ import annotations

import json

import click

from toolkit.cli.common import Session, options


@click.command()
@options
def command(session: Session) -> None:
    """Print the JSON Schema of toolkit.toml, for editors.

    Even Better TOML and other editors complete and check a file that starts with `#:schema ./toolkit.schema.json`.
    """
    from toolkit.bootstrap.schema import json_schema

    schema = json_schema()
    session.emit("schema.v1", schema, json.dumps(schema, indent=2))
