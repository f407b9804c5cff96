"""The part of CEL that our conditions use: comparisons of resource.name and resource.type, joined by || and &&."""

from __future__ import annotations

import json
import re

_TERM = re.compile(
    r"""\s*(!)?\s*resource\.(name|type|service)\s*(?:\.(startsWith|endsWith|matches)\(\s*("(?:[^"\\]|\\.)*")\s*\)
    |(==|!=)\s*("(?:[^"\\]|\\.)*"))\s*""",
    re.VERBOSE,
)
MOST = 12  # logical operators in one expression
KINDS = {"objects": "storage.googleapis.com/Object", "": "storage.googleapis.com/Bucket"}


class Bad(ValueError):
    """Not an expression that is understood here."""


def holds(expression: str, name: str) -> bool:
    """Whether it is true of the resource `name`. Raises Bad."""
    if len(re.findall(r"\|\||&&|!(?!=)", expression)) > MOST:
        raise Bad(f"more than {MOST} logical operators")
    results = [[_term(term, name) for term in part.split("&&")] for part in expression.split("||")]
    return any(all(part) for part in results)


def _term(text: str, name: str) -> bool:
    said = _TERM.fullmatch(text)
    if not said:
        raise Bad(f"cannot be read: {text.strip()!r}")
    kind = KINDS["objects" if "/objects/" in name else ""]
    value = {"name": name, "type": kind, "service": "storage.googleapis.com"}[said[2]]
    wanted = json.loads(said[4] or said[6])
    if said[3] == "startsWith":
        found = value.startswith(wanted)
    elif said[3] == "endsWith":
        found = value.endswith(wanted)
    elif said[3] == "matches":
        found = bool(re.fullmatch(wanted, value))
    else:
        found = (value == wanted) == (said[5] == "==")
    return found != bool(said[1])
