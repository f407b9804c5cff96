"""`toolkit keys create|list|show|export|rotate|revoke|sign`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.common import Session, options, table

if TYPE_CHECKING:
    from toolkit.domain.trust import PublicKey


@click.group()
def command() -> None:
    """Make, list, rotate and revoke the keys that models are signed with; sign a version."""


@command.command()
@click.option("--owner", default="", help="Whose key it is; default: you.")
@click.option(
    "--days", default=730, show_default=True, type=click.IntRange(0), help="How long it is good for; 0: ever."
)
@options
def create(session: Session, owner: str, days: int) -> None:
    """Make a key and trust it. From the first one on, models are signed and have to be."""
    from toolkit.lifecycle import keys

    made = keys.create(session.context, owner=owner, days=days)
    session.emit("keys.create.v1", {"key": keys.shown(made)}, lambda: _made(session, made))


@command.command("list")
@options
def list_(session: Session) -> None:
    """List the keys that the project trusts."""
    from toolkit.lifecycle import keys

    found = keys.listed(session.context)
    data = {"keys": [{**keys.shown(entry.key), "here": entry.here, "state": entry.state} for entry in found]}
    rows = [(e.key.id, e.key.owner, "yes" if e.here else "no", e.key.expires[:10] or "never", e.state) for e in found]
    empty = "no key is trusted: nothing is signed (toolkit keys create)"
    session.emit("keys.list.v1", data, lambda: table(("key", "owner", "private here", "expires", "state"), rows)
                 if rows else empty)  # fmt: skip


@command.command()
@click.argument("key")
@options
def show(session: Session, key: str) -> None:
    """Show one key, by the beginning of its id."""
    from toolkit.lifecycle import keys

    found = keys.shown(keys.find(session.context, key))
    session.emit("keys.show.v1", {"key": found}, lambda: table(("key", found["id"]), _facts(found)))


@command.command()
@click.argument("key")
@options
def export(session: Session, key: str) -> None:
    """Print the public key, as it lies in trust/: another project that trusts it needs this file."""
    from toolkit.domain import trust
    from toolkit.lifecycle import keys

    found = keys.find(session.context, key)
    session.emit("keys.export.v1", {"key": keys.shown(found)}, trust.written(found).decode().rstrip())


@command.command()
@click.option(
    "--days", default=730, show_default=True, type=click.IntRange(0), help="How long the new one is good for."
)
@click.option(
    "--overlap", default=90, show_default=True, type=click.IntRange(0), help="Days until the old ones expire."
)
@options
def rotate(session: Session, days: int, overlap: int) -> None:
    """Make a new key; those in force expire within --overlap days."""
    from toolkit.lifecycle import keys

    new, older = keys.rotate(session.context, days=days, overlap_days=overlap)
    data = {"key": keys.shown(new), "expiring": [keys.shown(key) for key in older]}
    ends = "".join(f"\nkey {key.id} expires at {key.expires[:10]}" for key in older)
    session.emit("keys.rotate.v1", data, lambda: _made(session, new) + ends)


@command.command()
@click.argument("key")
@click.option("--reason", default="", help="Kept with the key.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options
def revoke(session: Session, key: str, reason: str, yes: bool) -> None:
    """Never trust KEY again, nor anything that it signed."""
    from toolkit.lifecycle import keys

    found = keys.find(session.context, key)
    session.confirm(f"Revoke key {found.id} for good?", yes)
    revoked = keys.revoke(session.context, found.id, reason)
    session.emit(
        "keys.revoke.v1",
        {"key": keys.shown(revoked)},
        f"key {revoked.id} is revoked; commit the change, sign what is served with another key (toolkit keys sign),\n"
        "and deploy",
    )


@command.command()
@click.argument("version", default="latest")
@options
def sign(session: Session, version: str) -> None:
    """Sign a model version (a number, `latest` or `champion`) with a key of this machine."""
    from toolkit.lifecycle import find
    from toolkit.lifecycle import sign as step

    ctx = session.context
    found = find.version(ctx, version)
    key = step.model(ctx, found)
    data = {"model": ctx.project.model_name, "version": found.version, "digest": found.digest, "key": key}
    session.emit("keys.sign.v1", data, f"version {found.version} of {ctx.project.model_name} is signed by key {key}")


def _made(session: Session, key: PublicKey) -> str:
    folder = session.context.project.trust.folder
    return (
        f"key {key.id}: its private part stays on this machine\n"
        f"  {folder}/{key.id}.pub is what others trust: commit it\n"
        "  models are signed from now on; what was trained before: toolkit keys sign VERSION"
    )


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in found.items() if name != "id" and value]
