"""What a batch job runs: `python -m toolkit.entry.job`. TOOLKIT_RUNTIME says which step, which project, which ports.

Exit codes are those of the errors; a run that ended failed is exit code 1 and its reason the last line printed. A
duplicate of a job that has taken the run already ends with 0.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from toolkit.bootstrap.context import from_runtime
from toolkit.domain import jobs
from toolkit.domain.errors import ConfigError, ToolkitError
from toolkit.domain.specs import Runtime
from toolkit.entry import packages
from toolkit.ports.context import Context


class Printed:
    """A Reporter on stdout: what a job prints is its log."""

    def say(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201

    def warn(self, text: str) -> None:
        print(f"warning: {text}", flush=True)  # noqa: T201

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        self.say(f"{what} ...")
        yield lambda n: None


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Carry out the step; the exit code. Only a bug of ours ends in a traceback."""
    try:
        ctx, told = from_runtime(environ, report=Printed())
        if wanted := environ.get(jobs.REQUIREMENTS):
            return packages.start_again(ctx, wanted, environ)
        return _STEPS[_step(told)](ctx, told.values)
    except ToolkitError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        print(f"error: {error.message}{hint}", file=sys.stderr, flush=True)  # noqa: T201
        return error.exit_code


def _step(told: Runtime) -> str:
    step = str(told.values.get("step", ""))
    if step not in _STEPS:
        raise ConfigError(f"TOOLKIT_RUNTIME names the step {step!r}; a job does one of {', '.join(_STEPS)}")
    return step


def _fit(ctx: Context, values: dict[str, Any]) -> int:
    from toolkit.lifecycle import fit

    ended = fit.run(ctx, str(values["run"]), claimer=_claimer())
    return 0 if not ended.mine or ended.view.status == "succeeded" else 1


def _retrain(ctx: Context, values: dict[str, Any]) -> int:
    from toolkit.lifecycle import retrain
    from toolkit.packaging import code
    from toolkit.state.blobs import Blobs

    if values.get("code"):
        code.unpack(Blobs(ctx.store).get(str(values["code"])), ctx.directory)
    turn = retrain.run(ctx, reason=str(values.get("reason", "by hand")), window=str(values.get("window", "")))
    ctx.report.say(f"{turn.decision}: {turn.why}")
    return 0


_STEPS: dict[str, Callable[[Context, dict[str, Any]], int]] = {"fit": _fit, "retrain": _retrain}


def _claimer() -> str:
    """Who this attempt is. Where a provider starts a job again by itself, all its attempts are one."""
    return jobs.execution() or f"{socket.gethostname()}:{os.getpid()}:{os.urandom(6).hex()}"


if __name__ == "__main__":
    sys.exit(main())
