"""Call a function for something that happened: a few attempts, then the error as text, as a cloud gives up too."""

from __future__ import annotations

from collections.abc import Callable

ATTEMPTS = 3


def tried(call: Callable[[], object], *, wait: float) -> str:
    """ "" when an attempt succeeded, else the last error. `wait`: seconds before the second attempt, about doubled
    before each further one."""
    import stamina

    try:
        for attempt in stamina.retry_context(on=Exception, attempts=ATTEMPTS, wait_initial=wait, wait_jitter=wait):
            with attempt:
                call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
