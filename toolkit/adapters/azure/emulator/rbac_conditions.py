"""The part of Azure's conditions on role assignments that ours use: which action it is, and the path of a blob.

    ((!(ActionMatches{'...'})) OR (@Resource[...:path] StringLike 'a/*' OR @Resource[...:path] StringLike 'b/*'))

An attribute that a request does not have (a listing has no path) is equal to nothing.
"""

from __future__ import annotations

import re

PATH = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path"
LONGEST = 8 * 1024  # characters
_TOKEN = re.compile(
    r"\s*(?:(?P<word>AND|OR|NOT|&&|\|\||!|\(|\))|ActionMatches\{'(?P<action>[^']+)'\}"
    r"|@Resource\[(?P<attribute>[^\]]+)\]\s+StringLike\s+'(?P<like>[^']*)')\s*"
)


class Bad(ValueError):
    """Not a condition that is understood here."""


def holds(condition: str, action: str, path: str | None) -> bool:
    """Whether it is true when `action` is done to the blob at `path`. Raises Bad."""
    if len(condition) > LONGEST:
        raise Bad(f"more than {LONGEST} characters")
    reader = _Reader(_tokens(condition), action.lower(), path)
    found = reader.either()
    if reader.left:
        raise Bad(f"not understood after {len(condition)} characters: {reader.left[-1][0]!r}")
    return found


def patterns(condition: str, path: str | None) -> tuple[str, ...]:
    """The patterns of it that `path` is like."""
    if path is None:
        return ()
    return tuple(like for kind, like in _tokens(condition) if kind == "like" and _like(path, like))


def _tokens(condition: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(condition):
        said = _TOKEN.match(condition, at)
        if not said:
            raise Bad(f"cannot be read: {condition[at : at + 60]!r}")
        at = said.end()
        if said["attribute"] is not None and said["attribute"] != PATH:
            raise Bad(f"the attribute {said['attribute']!r} is not played here")
        kind = "like" if said["like"] is not None else "action" if said["action"] else "word"
        found.append((kind, said["like"] if kind == "like" else said["action"] or said["word"]))
    return found


class _Reader:
    """`left` is what is still to be read, the next last."""

    def __init__(self, tokens: list[tuple[str, str]], action: str, path: str | None) -> None:
        self.left, self._action, self._path = tokens[::-1], action, path

    def either(self) -> bool:
        found = self._both()
        while self._next("OR", "||"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._next("AND", "&&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._next("!", "NOT"):
            return not self._one()
        if self._next("("):
            found = self.either()
            if not self._next(")"):
                raise Bad("a bracket is not closed")
            return found
        kind, text = self.left.pop() if self.left else ("word", "")
        if kind == "word":
            raise Bad(f"{text!r} is not where it may be")
        if kind == "action":
            return text.lower() == self._action
        return self._path is not None and _like(self._path, text)

    def _next(self, *words: str) -> bool:
        there = bool(self.left) and self.left[-1][0] == "word" and self.left[-1][1] in words
        if there:
            self.left.pop()
        return there


def _like(text: str, pattern: str) -> bool:
    wanted = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
    return bool(re.fullmatch(wanted, text, re.DOTALL))
