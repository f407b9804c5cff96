"""`python -m toolkit.adapters.azure.function_app.deliver`: hand an event to a function, as a Container Apps job.

TOOLKIT_DELIVERY says, as JSON: "url" of the function, "audience" and "identity" (resource id) of the token, "event",
and of a schedule "name" and "expression". A scheduled execution is not told what time it is for; its name ends with
it, in minutes since 1970, as Kubernetes writes it. Where that is no time of the schedule, the last one that was is
taken. So an execution that is tried again hands over the same event.

What the function refuses (4xx but 429) or fails at is an exit code that is not 0: the job's retries try again.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

from toolkit.adapters.azure.function_app.identity import token

TOLD = "TOOLKIT_DELIVERY"
EVENT = "/_toolkit/event"
SECONDS = 250.0  # longer than a function may take
SLACK_MINUTES = 7 * 24 * 60  # that an execution's name may be off, before it is no time


def main() -> int:
    told = json.loads(os.environ[TOLD])
    event = told["event"]
    if expression := told.get("expression"):
        moment = due(expression, os.environ.get("CONTAINER_APP_JOB_EXECUTION_NAME", ""), datetime.now(UTC))
        own = {"source": "toolkit.schedule", "schedule": told["name"], "time": moment}
        event = {**own, **event}
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token(told['audience'], told['identity'])}",
    }
    request = urllib.request.Request(told["url"] + EVENT, json.dumps(event).encode(), headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
            reply.read()
    except urllib.error.HTTPError as error:
        return _failed(f"{told['url']} answered {error.code}: {error.read()[:300].decode('utf-8', 'replace')}")
    except OSError as error:
        return _failed(f"{told['url']} does not answer: {error}")
    return 0


def due(expression: str, execution: str, now: datetime) -> str:
    """The scheduled time that this execution is for (RFC 3339)."""
    from toolkit.domain import schedule, times

    wanted = schedule.parse(expression)
    minutes: Any = execution.rpartition("-")[2]
    if minutes.isdecimal() and abs(int(minutes) - now.timestamp() // 60) < SLACK_MINUTES:
        named = datetime.fromtimestamp(int(minutes) * 60, UTC)
        if wanted.latest(named) == named:
            return times.text(named)
    return times.text(wanted.latest(now))


def _failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
