"""The step inside the job: claim the run, train, export, measure, keep, end, register.

The run is claimed create-only, so a job that was submitted twice ends at once. What the user's code raises is the run's
end, said in one line with the line of their file; the whole traceback is kept with the run's log. Being told to stop
(SIGTERM) ends the run too. What cannot say anything any more (killed, out of memory) is settled by whoever looks next:
`runs.settled`.
"""

from __future__ import annotations

import random
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.domain import codec
from toolkit.domain.errors import CommitUnknown, ToolkitError
from toolkit.domain.records import RunEnd, RunSpec, RunStatus
from toolkit.lifecycle import register, tracking, usercode
from toolkit.ports.context import Context
from toolkit.state import commit, keys
from toolkit.state.blobs import Blobs
from toolkit.state.datasets import Datasets
from toolkit.state.runindex import RunView
from toolkit.state.runs import Runs

if TYPE_CHECKING:
    from toolkit.models.build import Built

GRACE_SECONDS = 10.0  # a stop that close to the time limit is the time limit


@dataclass(frozen=True)
class Ended:
    """`mine` is False where another job had claimed the run, which is then that job's to end."""

    view: RunView
    mine: bool = True
    version: int | None = None


class _Stopped(BaseException):
    """SIGTERM. No Exception, so that `except Exception` in the user's code does not swallow it."""


def run(ctx: Context, run_id: str, *, claimer: str) -> Ended:
    """Carry out the run, whatever becomes of it; nothing that the user's code does is raised here.

    Raises what the store raises (Unavailable, CommitUnknown, ...): then the run has no end yet.
    """
    runs = Runs(ctx.store, clock=ctx.clock)
    spec = runs.spec(run_id)
    if not runs.claim(run_id, claimer):
        ctx.report.say(f"run {run_id} is carried out by another job")
        return Ended(runs.view(run_id), mine=False)
    if (view := runs.view(run_id)).end is not None:
        return Ended(view, mine=False)
    clock = _Clock(ctx.clock)
    try:
        with _stoppable():
            built = _fit(ctx, spec, runs)
            digest = _keep(Blobs(ctx.store), built)
    except (_Stopped, KeyboardInterrupt):
        _forget_if_late(spec, clock)
        end = clock.end(run_id, "cancelled", "stopped while it ran")
    except MemoryError as error:
        end = clock.end(run_id, "out-of-memory", usercode.reason(error))
    except (ToolkitError, usercode.Failed) as error:
        end = clock.end(run_id, "failed", _explained(ctx, run_id, error))
    else:
        end = clock.end(run_id, "succeeded", "", metrics=built.manifest.metrics, model_digest=digest)
    return _ended(ctx, runs, end)


def _ended(ctx: Context, runs: Runs, end: RunEnd) -> Ended:
    recorded = runs.end(end)
    view = runs.view(end.run_id)
    if recorded.status != "succeeded":
        ctx.report.warn(f"run {end.run_id} {recorded.status}: {recorded.reason}")
        return Ended(view)
    version = register.run(ctx, view).version
    ctx.report.say(f"run {end.run_id} succeeded: version {version} of {view.spec.model}")
    return Ended(view, version=version)


def _fit(ctx: Context, spec: RunSpec, runs: Runs) -> Built:
    from toolkit.data import snapshot
    from toolkit.data.split import split
    from toolkit.models.build import build_model
    from toolkit.models.data import training_data

    dataset = Datasets(ctx.store).get(spec.dataset, spec.dataset_version)
    config = ctx.project
    with tempfile.TemporaryDirectory(prefix="toolkit-run-") as folder:
        rows = snapshot.load(ctx.store, dataset, Path(folder) / "data").collect()
        train, test = split(rows, spec.split, dataset.schema)
        ctx.report.say(f"{len(train):,} training rows, {len(test):,} test rows of {dataset.name}")
        data = training_data(train, dataset.schema, frame=config.data.frame, task=config.data.task)
        with usercode.unpacked(Blobs(ctx.store).get(spec.code), Path(folder) / "code") as code:
            _seed(spec.split.seed)
            with tracking.recording(ctx.store, runs.log(spec.run_id)):
                estimator = code.call(spec.entry, data, dict(spec.params))
            ctx.report.say("trained; exporting and comparing")
            # Still with the user's modules: an estimator may be of a class of theirs.
            return build_model(
                estimator, data, spec=spec, schema=dataset.schema, train=train, test=test,
                tolerance=config.export.tolerance, slices=config.export.slices,
            )  # fmt: skip


def _seed(seed: int) -> None:
    """What a training function draws from the global generators is the same in every run of it."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # it is the one that sklearn's random_state=None draws from


def _keep(blobs: Blobs, built: Built) -> str:
    """Files first, the manifest last: what has no manifest does not exist. Its digest."""
    for content in built.files.values():
        blobs.put(content)
    return blobs.put(codec.encode(built.manifest))


def _explained(ctx: Context, run_id: str, error: Exception) -> str:
    """One line for the run's end; the traceback goes to the run's log."""
    text = error.traceback if isinstance(error, usercode.Failed) else "".join(traceback.format_exception(error))
    with suppress(CommitUnknown):  # the end matters more than its explanation
        commit.create(ctx.store, keys.run_log(run_id, 0), text.encode())
    if isinstance(error, ToolkitError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return str(error)


def _forget_if_late(spec: RunSpec, clock: _Clock) -> None:
    """A job past its time limit is stopped by the same signal: then the provider knows better what it was."""
    limit = spec.timeout_seconds
    if clock.seconds >= limit - min(GRACE_SECONDS, limit / 2):
        raise SystemExit(143)


class _Clock:
    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self._started = now()
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def end(self, run_id: str, status: RunStatus, reason: str, **fields: Any) -> RunEnd:
        return RunEnd(
            run_id=run_id, status=status, reason=reason, started=self._started, ended=self._now(),
            seconds=round(self.seconds, 3), **fields,
        )  # fmt: skip


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM raises while it is open; outside the main thread there is nothing to catch."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
