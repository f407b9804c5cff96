"""Carry out one job: its interpreter, its attempts, its end. Shared by every adapter that runs jobs on this machine."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from toolkit.domain.errors import Interrupted, ToolkitError
from toolkit.domain.specs import JobSpec
from toolkit.execution import environments
from toolkit.execution.output import Output
from toolkit.execution.process import Command, Outcome, never, run

_MIB = 1024 * 1024


def carry_out(
    spec: JobSpec,
    *,
    python: str,
    folder: Path,
    mark: str = "",
    stop: Callable[[], str] = never,
    started: Callable[[int], None] = lambda pid: None,
) -> Outcome:
    """Run `python -m spec.module` until it succeeds, `retries` are used up, or it is stopped. Never raises ours.

    Only an attempt that failed by itself is made again: one that ran out of time or memory would do so again.
    `folder` holds its output and, while it runs, its working folder, new for every attempt. `mark` is how its processes
    can be found should the caller die (see `tree`).
    """
    mark = mark or secrets.token_hex(8)
    output = Output(folder)
    try:
        interpreter = environments.python_for(spec.requirements, python, output=output, stop=stop)
    except Interrupted as error:
        return Outcome("cancelled", error.message)
    except ToolkitError as error:
        return Outcome("failed", f"{error.message}; {error.hint}" if error.hint else error.message)
    work = folder / "work"
    attempts, over = 0, False
    while not over:
        attempts += 1
        _empty(work)
        outcome = run(_command(spec, interpreter, work, mark), output, stop=stop, started=started)
        over = outcome.state != "failed" or attempts > spec.retries or bool(stop())
    shutil.rmtree(work, ignore_errors=True)
    if outcome.state == "failed" and attempts > 1:
        return replace(outcome, reason=f"{outcome.reason} (in {attempts} attempts)")
    return outcome


def _command(spec: JobSpec, interpreter: str, work: Path, mark: str) -> Command:
    return Command(
        argv=(interpreter, "-m", spec.module, *spec.arguments),
        env=environments.variables(spec.environment),
        cwd=work,
        timeout_seconds=spec.timeout_seconds,
        memory_bytes=spec.memory_mb * _MIB,
        mark=mark,
    )


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
