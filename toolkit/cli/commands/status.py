"""`toolkit status`: one page."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli.common import Session, table, targets


@click.command()
@targets
def command(session: Session) -> None:
    """One page: endpoints, models, drift, incidents, retrains, and the next command."""
    from toolkit.bootstrap import local
    from toolkit.lifecycle import status

    found = status.run(session.context)
    found["host"] = local.status(session.context)
    session.emit("status.v1", found, lambda: _page(found))


def _page(found: dict[str, Any]) -> str:
    endpoints = [
        (e["name"], e["state"], f"{e['model']} {e['version']}", e["url"], e["reason"]) for e in found["endpoints"]
    ]
    aliases = ", ".join(f"{alias} {version}" for alias, version in found["model"]["aliases"].items())
    lines = [f"target    {found['target']}"]
    lines += [table(("endpoint", "state", "model", "url", "why"), endpoints)] if endpoints else ["endpoints none"]
    lines.append(f"model     {found['model']['name']}: {found['model']['versions']} versions; {aliases or 'no alias'}")
    lines += _rollout(found["rollout"])
    drift = found["drift"]
    lines.append(f"drift     {drift['verdict']} {drift['window']} {', '.join(drift['columns'])}".rstrip())
    lines += _metrics(found["metrics"])
    lines += [f"incident  {i['name']} open since {i['opened'][:19]}" for i in found["incidents"]]
    lines += [f"channel   {name} was not reached: {why}" for name, why in found["channels"].items()]
    lines += [f"untold    {title}: no channel took it" for title in found["untold"]]
    lines += [f"retrain   {t['reason']} {t['window']}: {_became(t)}" for t in found["retrains"]]
    letters = found["dead_letters"]
    if letters["count"]:
        lines.append(
            f"events    {letters['count']} could not be read (deadletter/); the last: {letters['latest'][0]['why']}"
        )
    lines += [f"schedule  {s['name']}: {s['expression']}" for s in found["schedules"]]
    if found["host"]:
        lines.append(f"host      process {found['host']['pid']}; stop it with toolkit dev --stop")
    return "\n".join([*lines, f"next      {found['next']}"])


def _metrics(metrics: dict[str, Any]) -> list[str]:
    """Nothing where nothing was measured."""
    words = {"requests": "{:,.0f} requests", "errors": "{:,.0f} errors", "p99_ms": "p99 {:,.6g} ms",
             "drift_rows": "{:,.0f} rows checked"}  # fmt: skip
    said = [text.format(metrics[name]) for name, text in words.items() if name in metrics]
    return [f"metrics   {', '.join(said)} ({metrics['time'][:19]}Z)"] if said else []


def _rollout(rollout: dict[str, Any]) -> list[str]:
    """Nothing where there never was one."""
    if not rollout["challenger"]:
        return []
    held = f" ({rollout['held']})" if rollout["held"] else ""
    share = f", {rollout['share']:.0%} of the traffic" if rollout["share"] else ""
    why = f": {rollout['why']}" if rollout["why"] else ""
    subject = rollout["champion"] if rollout["phase"] == "promoted" else rollout["challenger"]
    return [f"rollout   version {subject} {rollout['phase']}{held}{share}{why}"]


def _became(trigger: dict[str, Any]) -> str:
    if trigger["decision"]:
        return f"{trigger['decision']}: {trigger['decided']}"
    return "not finished" if trigger["accepted"] else f"refused: {trigger['why']}"
