"""One command for several targets: `[targets.everywhere] targets = ["aws", "gcp"]`.

Each is taken in turn. One that fails is reported and stops nobody else; the exit code is the first failure's. With
`--json` there is one document: `{"schema": "toolkit/targets.v1", "ok": all of them, "data": {target: its document}}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import click

from toolkit.cli.common import Session
from toolkit.domain.errors import ToolkitError


def each(command: Callable[..., Any], session: Session, rest: Mapping[str, Any]) -> Any:
    """The command's own result for one target; for several an exit code."""
    from toolkit.bootstrap import members

    names = members(session.directory, session.config, session.target)
    if len(names) == 1:
        return command(session if names[0] == session.target else replace(session, target=names[0]), **rest)
    documents, code = {}, 0
    for name in names:
        said: list[Any] = []
        try:
            ended = command(replace(session, target=name, into=said), **rest) or 0
            documents[name] = _done(name, said, session.as_json)
        except ToolkitError as error:
            ended = error.exit_code
            documents[name] = _failed(name, error, session.as_json)
        code = code or ended
    if session.as_json:
        whole = {"schema": "toolkit/targets.v1", "ok": all(one["ok"] for one in documents.values()), "data": documents}
        sys.stdout.write(json.dumps(whole) + "\n")
    return code


def _done(name: str, said: list[Any], as_json: bool) -> dict[str, Any]:
    import msgspec

    schema, data, text = said or ("", None, "")
    if not as_json and text:
        click.echo(f"{name}:\n{_indented(text)}")
    plain: dict[str, Any] = msgspec.to_builtins({"schema": f"toolkit/{schema}", "ok": True, "data": data})
    return plain


def _failed(name: str, error: ToolkitError, as_json: bool) -> dict[str, Any]:
    if not as_json:
        following = f"\nnext: {error.hint}" if error.hint else ""
        click.echo(f"{name}:\n{_indented(f'error: {error.message}{following}')}", err=True)
    return {"ok": False, "error": {"code": error.code, "message": error.message, "hint": error.hint}}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
