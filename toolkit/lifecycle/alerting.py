"""Tell people: the target's own channels (the alerts port), and whatever apprise reaches by a URL held as a secret.

`[alerts] channels = ["oncall"]` names secrets; each holds an apprise URL (slack://, msteams://, mailtos://,
pagerduty://, json:// and some 170 more). Each channel has a thread and a time of its own, and none fails another or the
check. A URL is a password: of a failure only the channel's name and the kind of error are kept.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import ToolkitError, missing_extra
from toolkit.domain.specs import Alert, Delivery
from toolkit.ports.context import Context

if TYPE_CHECKING:
    from toolkit.state.incidents import Incidents

SECONDS = 10.0
_KINDS = {"info": "info", "warning": "warning", "critical": "failure"}


def send(ctx: Context, incidents: Incidents) -> None:
    """Send what nobody was told yet; a failing channel is kept for the next check and never fails this one."""
    for notice in incidents.pending():
        deliveries = publish(ctx, notice.alert)
        incidents.delivered(notice, deliveries, actor=ctx.actor, time=ctx.clock())
        for delivery in deliveries:
            if not delivery.ok:
                ctx.report.warn(f"the alert did not reach {delivery.channel}: {delivery.error}")


def publish(ctx: Context, alert: Alert) -> tuple[Delivery, ...]:
    """One result a channel, the port's first."""
    return (*ctx.alerts.publish(alert), *_by_apprise(ctx, alert))


def names(ctx: Context, alert: Alert) -> list[str]:
    """The secrets whose URLs this alert goes to."""
    routing = ctx.project.alerts
    return [*routing.channels, *(name for name in routing.critical if alert.severity == "critical")]


def _by_apprise(ctx: Context, alert: Alert) -> list[Delivery]:
    wanted = list(dict.fromkeys(names(ctx, alert)))
    if not wanted:
        return []
    try:
        made = _apprise()
    except ToolkitError as missing:
        return [Delivery(channel=name, ok=False, error=f"{missing.message}: {missing.hint}") for name in wanted]
    results: dict[str, Delivery] = {}
    threads = [
        threading.Thread(target=_tell, args=(ctx, name, made, alert, results), name=f"alert-{name}", daemon=True)
        for name in wanted
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = f"no answer within {SECONDS:g} s"
    return [results.get(name) or Delivery(channel=name, ok=False, error=late) for name in wanted]


def _apprise() -> Callable[[], Any]:
    """The class, with its channels looked through while there are no threads yet: that imports a module which Python is
    about to drop, and warns of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from apprise import Apprise

            Apprise().add("json://localhost")
    except ModuleNotFoundError as error:
        raise missing_extra("apprise", "alerts") from error
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses
    made: Callable[[], Any] = Apprise
    return made


def _tell(ctx: Context, name: str, made: Callable[[], Any], alert: Alert, results: dict[str, Delivery]) -> None:
    try:
        error = _notify(made(), ctx.secrets.get(name), alert)
    except ToolkitError as refused:
        error = refused.message
    except Exception as failure:  # its words may hold the address
        error = type(failure).__name__
    results[name] = Delivery(channel=name, ok=not error, error=error)


def _notify(channel: Any, url: str, alert: Alert) -> str:
    """What went wrong, "" for nothing."""
    if not channel.add(url.strip()):
        return "the secret holds no address that apprise knows"
    kind = "success" if alert.state == "resolved" else _KINDS[alert.severity]
    body = "\n".join(filter(None, [alert.text, *(f"{k}: {v}" for k, v in sorted(alert.labels.items()))]))
    told = channel.notify(title=f"[{alert.state}] {alert.title}", body=body or alert.title, notify_type=kind)
    return "" if told else "it was not accepted"
