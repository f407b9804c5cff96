"""Patterns over relative paths with "/", the same on every Python: "**" crosses folders, "!" leaves out again."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Globs:
    """The last pattern that matches decides; a trailing slash means everything below."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules = [(not p.startswith("!"), re.compile(_regex(p.removeprefix("!")))) for p in patterns]

    def match(self, name: str) -> bool:
        decided = False
        for takes, form in self._rules:
            if form.fullmatch(name):
                decided = takes
        return decided


def _regex(pattern: str) -> str:
    """'**/*.py' -> '(?:.*/)?[^/]*\\.py'."""
    pattern = pattern.removeprefix("./")
    pattern += "**" if pattern.endswith("/") else ""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(_WILD.get(part, re.escape(part)) for part in parts)
