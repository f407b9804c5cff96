"""`toolkit models ls|show|verify`."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli.common import Session, number, options, short, table
from toolkit.domain.errors import Corrupt


@click.group()
def command() -> None:
    """List, show and verify model versions."""


@command.command()
@options
def ls(session: Session) -> None:
    """List every model with its versions and aliases."""
    from toolkit.lifecycle import find

    found = find.models(session.context)
    session.emit("models.ls.v1", {"models": found}, lambda: _listed(found))


@command.command()
@click.argument("version", default="latest")
@click.option("--card", is_flag=True, help="Print the model card (Markdown).")
@options
def show(session: Session, version: str, card: bool) -> None:
    """Show a version (a number, `latest`, `champion` or `challenger`): signature, metrics, parity, lineage."""
    from toolkit.lifecycle import find

    found = find.model(session.context, version)
    session.emit("models.show.v1", {"model": found}, lambda: found["card"] if card else _shown(found))


@command.command()
@click.argument("version", default="champion")
@options
def verify(session: Session, version: str) -> None:
    """Check every byte of a version: digests, graph, parity certificate, signatures, and of the bundle that serves it.
    Exit 1 if anything is off."""
    from toolkit.lifecycle import verify as step

    findings = step.run(session.context, version)
    if findings:
        raise Corrupt("\n".join(findings), hint="toolkit rollback, then train again")
    session.emit("models.verify.v1", {"version": version, "findings": []}, f"{version}: every digest and check holds")


def _listed(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            m["name"],
            v["version"],
            short(v["digest"]),
            ", ".join(v["aliases"]),
            v["created"][:19],
            _metrics(v["metrics"]),
        )
        for m in found
        for v in m["versions"]
    ]
    return table(("model", "version", "digest", "aliases", "created", "metrics"), rows)


def _metrics(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {number(value)}" for name, value in list(metrics.items())[:3])


def _shown(found: dict[str, Any]) -> str:
    manifest = found["manifest"]
    features = table(
        ("feature", "type", "nullable", "seen"),
        ((f["name"], f["dtype"], f["nullable"], _seen(f)) for f in manifest["signature"]["features"]),
    )
    facts = [
        ("version", found["version"]),
        ("aliases", ", ".join(found["aliases"]) or "none"),
        ("digest", found["digest"]),
        ("run", found["run_id"]),
        ("dataset", f"{manifest['dataset']} {short(manifest['dataset_version'])}"),
        ("task", f"{manifest['signature']['task']} of {manifest['signature']['label']}"),
        ("framework", manifest["framework"]),
        ("parity", _parity(manifest.get("parity"))),
        *((name, number(value)) for name, value in manifest["metrics"].items()),
    ]
    return table(("model", found["name"]), facts) + "\n\n" + features


def _parity(parity: dict[str, Any] | None) -> str:
    if not parity:
        return "none"
    rows = f"{parity['rows']:,} rows and {parity['adversarial_rows']:,} adversarial ones"
    return f"largest difference {parity['max_difference']:.2g} on {rows}"


def _seen(feature: dict[str, Any]) -> str:
    if feature.get("categories"):
        return ", ".join(feature["categories"][:6])
    low, high = feature.get("minimum"), feature.get("maximum")
    return "" if low is None or high is None else f"{number(low)} .. {number(high)}"
