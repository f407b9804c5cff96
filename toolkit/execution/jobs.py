"""Carry out one job: its interpreter, its attempts, its end. Shared by every adapter that runs jobs on this machine."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from toolkit.domain import jobs
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
    An array's processes run one after the other, all of them unless it is stopped. `folder` holds its output and, while
    it runs, its working folder, new for every attempt. `mark` is how its processes can be found should the caller die
    (see `tree`).
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

    def once(number: int | None) -> Outcome:
        _empty(work)
        return run(_command(spec, interpreter, work, mark, number), output, stop=stop, started=started)

    ends: list[Outcome] = []
    for number in range(spec.array) if spec.array else (None,):
        ends.append(_attempts(spec, partial(once, number), stop))
        if ends[-1].state == "cancelled":
            break
    outcome = _together(ends) if spec.array else ends[0]
    shutil.rmtree(work, ignore_errors=True)
    return outcome


def _attempts(spec: JobSpec, once: Callable[[], Outcome], stop: Callable[[], str]) -> Outcome:
    attempts, over = 0, False
    while not over:
        attempts += 1
        outcome = once()
        over = outcome.state != "failed" or attempts > spec.retries or bool(stop())
    if outcome.state == "failed" and attempts > 1:
        return replace(outcome, reason=f"{outcome.reason} (in {attempts} attempts)")
    return outcome


def _together(ends: list[Outcome]) -> Outcome:
    """An array's end: that of the first that did not succeed, which says how many did not."""
    bad = [(number, end) for number, end in enumerate(ends) if end.state != "succeeded"]
    if not bad:
        return ends[0]
    number, first = bad[0]
    return replace(first, reason=f"{len(bad)} of {len(ends)} did not succeed; number {number}: {first.reason}")


def _command(spec: JobSpec, interpreter: str, work: Path, mark: str, number: int | None) -> Command:
    told = {} if number is None else {jobs.INDEX: str(number)}
    return Command(
        argv=(interpreter, "-m", spec.module, *spec.arguments),
        env=environments.variables({**spec.environment, **told}),
        cwd=work,
        timeout_seconds=spec.timeout_seconds,
        memory_bytes=spec.memory_mb * _MIB,
        mark=mark,
    )


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
