"""A worker's process as the system sees it: spawned clean, frozen and continued, measured, killed with its children."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

from toolkit.execution import files
from toolkit.execution.aws_lambda import bootstrap
from toolkit.execution.aws_lambda.records import Deployment
from toolkit.execution.aws_lambda.runtimes import Runtime
from toolkit.execution.tree import MARK, Tree, identity, marked, memory

_KIB = 1024


@cache
def _spawner() -> ThreadPoolExecutor:
    """The one thread that forks workers: the kernel kills them when the thread that forked them ends."""
    return ThreadPoolExecutor(1, "lambda-spawner")


class Sandbox:
    """One process, leader of a session of its own. `folder` gets its record and, while it lives, its private folder.

    `output` is the reading end of its stdout and stderr. Raises OSError when it cannot be spawned.
    """

    def __init__(self, deployment: Deployment, runtime: Runtime, address: str, folder: Path) -> None:
        self._mark = secrets.token_hex(8)
        self._home = folder / self._mark
        self._record = folder / f"{self._mark}.json"
        (self._home / "tmp").mkdir(parents=True)
        environment = {**_environment(deployment, runtime, address, self._home), MARK: self._mark}
        command = [
            *(runtime.interpreter.executable, "-I", "-S", "-B", "-u", bootstrap.__file__),
            *(str(os.getpid()), runtime.client, str(runtime.folder), deployment.handler),
        ]
        try:
            self._process = _spawner().submit(_spawn, command, environment, deployment.task_root).result()
        except BaseException:
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        assert self._process.stdout is not None
        self.output = self._process.stdout.fileno()
        os.set_blocking(self.output, False)
        self._tree = Tree(self._process.pid, self._mark)
        record = {"pid": self.pid, "identity": identity(self.pid), "mark": self._mark}
        files.replace(self._record, json.dumps(record).encode())

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it lives; negative is the signal that ended it."""
        return self._process.poll()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def memory(self) -> int:
        """Bytes that it and all it has started use now (about 2 ms)."""
        return memory(self._tree.scan(), over=sys.maxsize)

    def peak(self) -> int:
        """The most bytes the process itself has used so far; 0 where the system does not say (about 0.03 ms)."""
        with suppress(OSError, ValueError, IndexError):
            status = Path("/proc", str(self.pid), "status").read_bytes()
            return int(status.split(b"VmHWM:")[1].split(maxsplit=1)[0]) * _KIB
        return 0

    def kill(self) -> None:
        """Everything it started is gone afterwards, and so are its folder and its record."""
        self._tree.end()
        self._process.wait()

    def close(self) -> None:
        """After `kill`, when its output was read."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        shutil.rmtree(self._home, ignore_errors=True)
        self._record.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _spawn(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


def _environment(deployment: Deployment, runtime: Runtime, address: str, home: Path) -> dict[str, str]:
    """What was declared, and Lambda's own variables over it; nothing of ours."""
    return {
        **deployment.environment,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{runtime.interpreter.version}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(deployment.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": deployment.name,
        "AWS_LAMBDA_FUNCTION_VERSION": deployment.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{deployment.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"[{deployment.version}]{home.name}",
        "AWS_LAMBDA_RUNTIME_API": address,
        "HOME": str(home),
        "LAMBDA_RUNTIME_DIR": str(runtime.folder),
        "LAMBDA_TASK_ROOT": str(deployment.task_root),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(home / "tmp"),
        "TZ": "UTC",
        "_HANDLER": deployment.handler,
    }


def recover(folder: Path) -> int:
    """Kill the workers that a dead host has left on record in `folder`, and clear it; how many processes were found."""
    found = 0
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with suppress(OSError, ValueError, KeyError):
            record = json.loads(path.read_bytes())
            pid, mark = int(record["pid"]), str(record["mark"])
            if identity(pid) == record["identity"]:
                found += 1
                Tree(pid, mark).end()
            for orphan in marked(mark):  # its number may be a stranger's by now: only what carries the mark
                found += 1
                with suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        path.unlink(missing_ok=True)
    return found
