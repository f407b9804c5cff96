"""The journal is the audit: verify it, here or in a copy of the bucket, and read it as a log."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.ports.store import Store
from toolkit.state import audit
from toolkit.state.journal import Journal

# What an entry's line may name, in this order.
SHOWN = ("kind", "name", "action", "alias", "version", "previous", "model_version", "url", "title", "state", "window",
         "decision", "why", "reason", "error")  # fmt: skip


def verify(store: Store, saved: dict[str, tuple[int, str]] | None = None) -> dict[str, Any]:
    """{"journals", "entries", "findings": [{"journal", "index", "what"}]}; findings are empty when all is well."""
    heads = audit.heads(store)
    findings = [msgspec.to_builtins(finding) for finding in audit.verify(store, saved)]
    return {"journals": len(heads), "entries": sum(index for index, _ in heads.values()), "findings": findings}


def log(store: Store, limit: int) -> list[dict[str, Any]]:
    """Entries of every journal, newest first: {time, actor, journal, index, what}."""
    entries = [
        {"time": e.time, "actor": e.actor, "journal": name, "index": e.index, "what": _what(e.body)}
        for name in audit.heads(store)
        for e in Journal(store, name).entries()
    ]
    return sorted(entries, key=lambda e: str(e["time"]), reverse=True)[:limit]


def _what(body: dict[str, Any]) -> str:
    """One line of an entry: what was done, to what."""
    parts = [str(body.get("do", ""))]
    for name in ("action", "release", "alert"):
        inner = body.get(name)
        if isinstance(inner, dict):
            parts += [f"{key}={inner[key]}" for key in SHOWN if inner.get(key) not in (None, "")]
    parts += [f"{key}={body[key]}" for key in SHOWN if body.get(key) not in (None, "", [], {}) and key != "action"]
    return " ".join(parts)
