"""Deliver one alert to several channels: each in a thread of its own, each with its own time, none in another's way.

A channel is a function that takes the alert and raises when it fails. Only the words of our own errors are shown; of
any other only the class, since a client's message may hold the address, and the address may be the secret.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import msgspec

from toolkit.domain.errors import ConfigError, ToolkitError, Unavailable
from toolkit.domain.specs import Alert, Delivery

Send = Callable[[Alert], None]
SECONDS = 5.0
_THREAD = "toolkit-alert"


def deliver(alert: Alert, channels: Mapping[str, Send], *, seconds: float = SECONDS) -> tuple[Delivery, ...]:
    """One result a channel, in their order, after at most `seconds`; a channel that takes longer is left behind."""
    results: dict[str, Delivery] = {}
    threads = {
        name: threading.Thread(target=_send, args=(name, send, alert, results), name=f"{_THREAD}-{name}", daemon=True)
        for name, send in channels.items()
    }
    for thread in threads.values():
        thread.start()
    gone = threading.Event()
    timer = threading.Timer(seconds, gone.set)
    timer.start()
    try:
        for thread in threads.values():
            while thread.is_alive() and not gone.is_set():
                thread.join(0.05)
    finally:
        timer.cancel()
    late = f"no answer within {seconds:g} s"
    return tuple(results.get(name) or Delivery(channel=name, ok=False, error=late) for name in channels)


def _send(name: str, send: Send, alert: Alert, results: dict[str, Delivery]) -> None:
    try:
        send(alert)
        results[name] = Delivery(channel=name, ok=True)
    except ToolkitError as error:
        results[name] = Delivery(channel=name, ok=False, error=error.message)
    except Exception as error:
        results[name] = Delivery(channel=name, ok=False, error=type(error).__name__)


def post(url: str, alert: Alert, *, seconds: float = SECONDS) -> None:
    """POST the alert as JSON; any 2xx is success. Unavailable or ConfigError otherwise, without the address.

    Beside the alert's own fields there is `text`, the one field that Slack's and Teams' incoming webhooks need.
    Redirects are not followed: an alert goes where it was told to go.
    """
    import httpx2

    _keep_addresses_out_of_logs()
    try:
        with httpx2.stream("POST", url, json=payload(alert), timeout=seconds, follow_redirects=False) as response:
            status = response.status_code
    except httpx2.TimeoutException:
        raise Unavailable(f"no answer within {seconds:g} s") from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        raise ConfigError("its address is not an http(s) URL") from None
    except httpx2.HTTPError as error:
        raise Unavailable(f"could not be reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise Unavailable(f"answered with status {status}")


def payload(alert: Alert) -> dict[str, object]:
    """What a webhook is sent."""
    fields: dict[str, object] = msgspec.to_builtins(alert)
    details = f"\n{alert.text}" if alert.text else ""
    return {**fields, "details": alert.text, "text": f"[{alert.severity}] {alert.title} ({alert.state}){details}"}


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(_THREAD)


def _keep_addresses_out_of_logs() -> None:
    """The client logs every address it calls; those of webhooks are secrets."""
    logger = logging.getLogger("httpx2")
    if not any(isinstance(found, _NotOurs) for found in logger.filters):
        logger.addFilter(_NotOurs())
