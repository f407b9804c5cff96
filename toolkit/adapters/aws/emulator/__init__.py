"""AWS on loopback that really executes: moto for the state of every service, our executors for what has to happen.

    python -m toolkit.adapters.aws.emulator [--port N] [--home FOLDER]     prints its address

    server       the process: HTTP in, the chain of executors, moto behind them
    moto         moto's backends in this process, behind one lock
    wire         a request (`Call`) and what is answered (`Reply`)
    operations   what a service takes, from AWS's own description of it
    signature    whether a request is signed with the emulator's credentials
    executors    the table of executors; each is one file (or folder) and one line there:
                 functions, batch, schedules (with beats), notifications, bucket_policies ...; queues for what is
                 not delivered

An executor stands around moto: it may answer a call before moto sees it, change what moto answered, and do work on
threads of its own (jobs, schedules, events). It is a class with the shape of `executors.Executor`, made once with
`Moto` and `Home`. It reads and writes moto's state by `moto.state(service)` inside `with moto.lock:`, or by `moto.ask`,
and **never holds the lock while something runs**: what runs calls the emulator itself.

Decisions. One lock around moto: it checks a precondition and writes in two steps, so that of two threads both might
win. State is in memory and goes with the process. What runs, runs as on the service: only what was uploaded, in a clean
environment, through the service's own client (see `toolkit.execution`), with its limits and its words for what fails.
Nothing binds outside loopback; the only credentials are `Home.credentials`, and they open nothing else.
"""

from __future__ import annotations

import sys

COMMAND = (sys.executable, "-m", "toolkit.adapters.aws.emulator")
