"""Run a job's module inside this process, for unit tests: no isolation, no limits, but the same memory around it."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

from toolkit.domain.specs import JobSpec
from toolkit.execution import environments
from toolkit.execution.output import Output
from toolkit.execution.process import Outcome

_ONE = threading.Lock()  # variables, arguments and stdout belong to the whole process


def run_here(spec: JobSpec, folder: Path) -> Outcome:
    """As `python -m spec.module` would run, with the job's variables and arguments, its output kept in `folder`."""
    output, work = Output(folder), folder / "work"
    work.mkdir(exist_ok=True)
    code = 1
    with _ONE, output.open() as raw, io.TextIOWrapper(raw, "utf-8", write_through=True) as sink:
        for attempt in range(spec.retries + 1):
            with _as_job(spec, work, sink):
                code = _exit_code(spec.module)
            output.note()
            if code == 0 or attempt == spec.retries:
                break
    if code == 0:
        return Outcome("succeeded", exit_code=0)
    return Outcome("failed", f"exit code {code}: {output.last_line()}", exit_code=code)


def _exit_code(module: str) -> int:
    sys.modules.pop(module, None)  # runpy warns of one that is imported already, which is an error where warnings are
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def _as_job(spec: JobSpec, work: Path, sink: io.TextIOWrapper) -> Iterator[None]:
    variables, arguments = dict(os.environ), sys.argv
    try:
        os.environ.clear()
        os.environ.update(environments.variables(spec.environment, variables))
        sys.argv = [spec.module, *spec.arguments]
        with contextlib.chdir(work), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = arguments
