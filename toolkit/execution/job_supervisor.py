"""The process that answers for one job: `python -m toolkit.execution.job_supervisor FOLDER LOCK`.

It must outlive whoever submitted the job: a terminal that closes, a Ctrl-C, a function worker that is frozen with
SIGSTOP or killed with all its descendants. So it forks, waits until its parent is gone, and only then starts a session
of its own: at no moment is it a descendant of the caller with a session by which the caller's tree could be followed
to it. LOCK is the number of the inherited descriptor that holds the job's lock; it is given up only by dying.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from toolkit.domain.errors import ConfigError
from toolkit.execution import environments
from toolkit.execution.job_folder import JobFolder
from toolkit.execution.jobs import carry_out
from toolkit.execution.process import Outcome


def start(folder: JobFolder, lock: int) -> None:
    """Start the supervisor of a job and hand it the lock; returns when it has left us. Takes `lock` in any case.

    ConfigError if the job's interpreter cannot run the toolkit; the job is removed then.
    """
    python = folder.request().python
    argv = [python, "-m", "toolkit.execution.job_supervisor", str(folder.path), str(lock)]
    log = folder.path / "supervisor.log"
    try:
        with log.open("ab") as sink:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=folder.path,  # not the caller's folder: it would be on sys.path
                env=environments.for_supervisor(),
                pass_fds=(lock,),
                start_new_session=True,
                check=False,
            )
        failure = "" if done.returncode == 0 else _last_line(log) or f"exit code {done.returncode}"
    except OSError as error:
        failure = str(error)
    finally:
        os.close(lock)
    if failure:
        folder.remove()
        raise ConfigError(
            f"the interpreter {python} cannot run jobs: {failure}",
            hint=f"{python} -m pip install driftloop, or set another `python` in the target's local table",
        )


def main(argv: list[str] | None = None) -> int:
    path, lock = (argv or sys.argv[1:])[:2]
    caller = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == caller:
        time.sleep(0.001)
    os.setsid()
    os.set_inheritable(int(lock), False)
    supervise(JobFolder(Path(path)))
    return 0


def supervise(folder: JobFolder) -> None:
    """Carry out the job and record its end, once, whatever happens."""
    told: list[str] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: told.append(signal.Signals(number).name))
    request = folder.request()
    folder.running()
    try:
        outcome = carry_out(
            request.spec,
            python=request.python,
            folder=folder.path,
            mark=request.mark,
            stop=lambda: f"its supervisor got {told[0]}" if told else folder.asked_to_stop(),
            started=folder.running,
        )
    except Exception as error:  # whatever it is, the job must not stay without an end
        folder.end(Outcome("failed", f"its supervisor failed: {type(error).__name__}: {error}"))
        raise
    folder.end(outcome)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


if __name__ == "__main__":
    sys.exit(main())
