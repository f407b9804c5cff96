"""`toolkit audit verify|heads|log`: the journal is the audit."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli.common import Session, options, table
from toolkit.domain.errors import BrokenChain, ConfigError


@click.group()
def command() -> None:
    """Verify the journals; save and compare their heads."""


@command.command()
@click.option("--heads", default="", metavar="FILE", help="Heads saved earlier: finds what was cut off since.")
@click.option("--bucket", default="", metavar="DIR", help="Verify a copy of the bucket in DIR instead, offline.")
@options
def verify(session: Session, heads: str, bucket: str) -> None:
    """Check every hash chain: edited, deleted, swapped or cut entries are named. Exit 1 if any."""
    from toolkit.bootstrap import local
    from toolkit.lifecycle import audit

    store = local.bucket_copy(bucket) if bucket else session.context.store
    result = audit.verify(store, _read(heads))
    if result["findings"]:
        lines = [f"{f['journal']} entry {f['index']}: {f['what']}" for f in result["findings"]]
        raise BrokenChain("the journals do not verify:\n" + "\n".join(lines), hint="compare with a copy you trust")
    session.emit("audit.verify.v1", result, f"{result['entries']:,} entries in {result['journals']} journals verify")


@command.command()
@click.option("--save", default="", metavar="FILE", help="Write them to FILE, to be kept outside the bucket.")
@options
def heads(session: Session, save: str) -> None:
    """Print the head of every journal: number and digest of its last entry."""
    import msgspec

    from toolkit.state import audit

    found = audit.heads(session.context.store)
    data = {"heads": {name: {"index": index, "digest": digest} for name, (index, digest) in found.items()}}
    if save:
        Path(save).write_bytes(msgspec.json.encode(data, order="sorted"))
    rows = [(name, index, digest[:16]) for name, (index, digest) in found.items()]
    session.emit("audit.heads.v1", data, lambda: table(("journal", "entry", "digest"), rows))


@command.command()
@click.option("-n", "limit", default=50, show_default=True, help="At most this many, newest first.")
@options
def log(session: Session, limit: int) -> None:
    """Who did what, when: entries of all journals."""
    from toolkit.lifecycle import audit

    found = audit.log(session.context.store, limit)
    rows = [(e["time"][:19], e["actor"], e["journal"], e["index"], e["what"]) for e in found]
    session.emit("audit.log.v1", {"entries": found}, lambda: table(("time", "actor", "journal", "entry", "what"), rows))


def _read(path: str) -> dict[str, tuple[int, str]] | None:
    if not path:
        return None
    import json

    try:
        saved = json.loads(Path(path).read_text())["heads"]
        return {name: (int(head["index"]), str(head["digest"])) for name, head in saved.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a file of saved heads: {error}", hint="toolkit audit heads --save FILE"
        ) from error
