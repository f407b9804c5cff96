"""The journal is the audit: verify it, here or in a copy of the bucket, and read it as a log."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.ports.store import Store
from toolkit.state import audit
from toolkit.state.journal import Journal


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
    kind = body.get("kind") or body.get("type") or ""
    rest = {k: v for k, v in body.items() if k not in {"kind", "type"} and isinstance(v, (str, int, float))}
    return " ".join([str(kind), *(f"{k}={v}" for k, v in list(rest.items())[:5])]).strip()
