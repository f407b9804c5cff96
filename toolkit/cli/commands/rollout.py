"""`toolkit rollout`: where the challenger stands, and what a person may do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from toolkit.cli.common import Session, number, options, table

if TYPE_CHECKING:
    from toolkit.engine.rollouts import Standing


@click.group(invoke_without_command=True)
@options
@click.pass_context
def command(click_context: click.Context, session: Session) -> None:
    """Show the rollout of a challenger: its stage, the evidence so far, and the story up to here."""
    if click_context.invoked_subcommand is not None:
        return
    from toolkit.engine.rollout import MOVING
    from toolkit.lifecycle import delivery
    from toolkit.lifecycle.standing import rollouts

    standing = rollouts(session.context).standing()
    verdict = delivery.judged(session.context, standing) if standing.rollout.phase in MOVING else None
    story = delivery.story(session.context)
    data = {"rollout": standing.rollout, "verdict": verdict, "story": story}
    session.emit("rollout.v1", data, lambda: "\n".join([said(standing), *_evidence(verdict), "", told(story)]))


@command.command("tick")
@options
def tick(session: Session) -> None:
    """Judge now what the schedule would judge within a minute."""
    from toolkit.lifecycle import delivery

    stepped = delivery.tick(session.context)
    data = {"rollout": stepped.standing.rollout, "verdict": stepped.verdict}
    session.emit("rollout-tick.v1", data, lambda: "\n".join([said(stepped.standing), *_evidence(stepped.verdict)]))


@command.command("explain")
@options
def explain(session: Session) -> None:
    """Tell the story of the latest rollout: who, when, why, on what evidence."""
    from toolkit.lifecycle import delivery

    story = delivery.story(session.context)
    session.emit("rollout-explain.v1", {"story": story}, lambda: told(story))


def said(standing: Standing) -> str:
    rollout = standing.rollout
    if not standing.number:
        return "no rollout yet: toolkit deploy --canary 10%"
    weights = ", ".join(f"version {version} {share:.0%}" for version, share in sorted(rollout.weights.items()))
    held = f" ({rollout.held})" if rollout.held else ""
    why = f": {rollout.why}" if rollout.why else ""
    subject = rollout.champion if rollout.phase == "promoted" else rollout.challenger
    return f"version {subject} {rollout.phase}{held}{why}\ntraffic: {weights}"


def told(story: list[dict[str, Any]]) -> str:
    if not story:
        return "nothing happened yet"
    rows = [(line["time"][:19], line["actor"], line["what"], line["why"]) for line in story]
    last: dict[str, Any] = next((line["evidence"] for line in reversed(story) if line["evidence"]), {})
    signals = [f"{name} {number(value)}" for name, value in sorted(last.get("signals", {}).items())]
    weighed = [f"log evidence at the last ruling: {', '.join(signals)}"] if signals else []
    return "\n".join([table(("time", "by", "what", "why"), rows), *weighed])


def _evidence(verdict: Any) -> list[str]:
    if verdict is None:
        return []
    found = verdict.evidence
    signals = ", ".join(f"{name} {number(value)}" for name, value in found.signals.items())
    return [f"{verdict.ruling}: {verdict.why}", f"{found.requests:,} requests, {found.errors:,} failed; {signals}"]
