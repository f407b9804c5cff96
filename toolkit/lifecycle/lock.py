"""One deployment of an endpoint, one retrain of a model at a time.

The lease is renewed while the work goes on, so it can be short; a holder that was killed on this machine is recognised
by its process id and superseded at once, one that died elsewhere when its lease runs out.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from toolkit.domain.errors import Locked, ToolkitError
from toolkit.lifecycle import naming
from toolkit.ports.context import Context
from toolkit.state.leases import Lease, Leases

SECONDS = 60.0
_HOLDER = re.compile(r".* \[(?P<host>[^ ]+) (?P<pid>\d+)\]")


@contextmanager
def exclusively(ctx: Context, what: str = "deploy") -> Iterator[Lease]:
    """Hold the lease of doing `what` to this endpoint. Locked says who has it and until when."""
    leases, name = Leases(ctx.store), f"{what}-{ctx.target}-{naming.endpoint(ctx)}"
    holder = f"{ctx.actor} [{socket.gethostname()} {os.getpid()}]"
    lease = _acquire(leases, name, holder)
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(leases, lease, done), daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        done.set()
        renewing.join()
        leases.release(lease)


def is_free(ctx: Context, what: str) -> bool:
    """Whether nobody is doing `what` to this endpoint now; who died does not count, once the lease has run out."""
    leases, name = Leases(ctx.store), f"{what}-{ctx.target}-{naming.endpoint(ctx)}"
    try:
        leases.release(_acquire(leases, name, ctx.actor))
    except Locked:
        return False
    return True


def _acquire(leases: Leases, name: str, holder: str) -> Lease:
    try:
        return leases.acquire(name, holder, SECONDS)
    except Locked:
        held = leases.current(name)
        if held is None or not _died_here(held.holder):
            raise
        leases.release(held)
        return leases.acquire(name, holder, SECONDS)


def _died_here(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone."""
    found = _HOLDER.fullmatch(holder)
    if not found or found["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _renew(leases: Leases, lease: Lease, done: threading.Event) -> None:
    while not done.wait(SECONDS / 3):
        with suppress(ToolkitError):  # the next turn tries again; the lease outlives two failures
            leases.renew(lease)
