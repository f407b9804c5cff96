"""AWS Lambda on this machine: a bundle, the real runtime client, one process a worker, nothing else.

    Pool            the workers of one published version: warm reuse, concurrency, throttling
      Worker        one process through its life: init, calls, freezing between them, its end
        Sandbox     the process as the system sees it: spawn, stop, continue, memory, kill
        RuntimeApi  what the runtime client inside talks to (API 2018-06-01)
    bootstrap       what the process runs: the bundle on the path, `awslambdaric` or our `runtime_client`

Decisions, and what they rest on:

- **A worker has no thread of its own.** Whoever calls drives the worker's sockets, its output pipe and its deadlines in
  one loop, and the worker is frozen (SIGSTOP) when the loop ends. A warm call is four messages on loopback with no
  thread switch in between. Nagle is off: with it, a call takes 40-90 ms.
- **Clean by construction, not by sanitizing.** The interpreter is the base one, not the environment's, started with
  `-I -S`: no PYTHON* variable, no site-packages, no checkout can be seen. The path is the bundle, the folder with the
  runtime client and the standard library. HOME and TMPDIR are folders of the worker's own.
- **Lambda's own words.** Limits, error types, log lines and the order of events are those of the service, so that
  what passes here is not surprised there.
- Workers die with the process that made them (PR_SET_PDEATHSIG on Linux), and each is on record in a folder, so that
  `recover` finds what a killed host has left. They are spawned from one thread that lives as long as the process: the
  kernel sends that signal when the *thread* that forked ends.

What is not here: networks of one's own, a private /tmp (TMPDIR is private), a read-only root, CPU shares.
Nothing in this package knows of adapters or hosts; emulators use the same Pool.
"""

from toolkit.execution.aws_lambda.pool import Pool
from toolkit.execution.aws_lambda.records import Deployment, Outcome

__all__ = ["Deployment", "Outcome", "Pool"]
