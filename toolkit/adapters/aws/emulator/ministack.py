"""ministack, another AWS in memory: `python -m toolkit.adapters.aws.emulator.ministack` prints its address.

It runs Lambda zips, fires schedules and, with --auth, checks signatures and what roles are allowed to do; it ignores
the weights of an alias, and its Batch runs nothing. It pins a botocore, so uv keeps it in an environment of its own.
Functions run on the interpreter that runs this, whatever runtime they ask for.

It ends with whoever started it (when its standard input closes; --detached: by SIGTERM). Only loopback, and nothing of
the caller's credentials: an account of its own, whose root is the key `test`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.execution.emulator import Ending
from toolkit.execution.environments import find_uv

COMMAND = (sys.executable, "-m", "toolkit.adapters.aws.emulator.ministack")
ACCOUNT = "000000000000"
VERSION = "1.5.33"
REQUIREMENTS = (f"ministack=={VERSION}", "boto3")  # boto3: what functions find on Lambda
START_SECONDS = 60.0
STOP_SECONDS = 5.0


def interpreter(requirements: Sequence[str] = REQUIREMENTS) -> str:
    """The Python of an environment with these, made by uv and kept in its cache; without a network where it is there
    already. MissingExtra (no uv), ConfigError (it cannot be made)."""
    said = ""
    for network in (("--offline",), ()):
        more = [word for requirement in requirements[1:] for word in ("--with", requirement)]
        asked = [
            find_uv(),
            "tool",
            "run",
            "--quiet",
            *network,
            "--python",
            sys.executable,
            "--from",
            requirements[0],
            *more,
        ]
        done = subprocess.run(
            [*asked, "python", "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
        )
        if done.returncode == 0:
            return done.stdout.strip()
        said = done.stderr.strip()
    raise ConfigError(f"{requirements[0]} could not be installed: {said}", hint="check the network, then try again")


class Ministack:
    """A started one. `address` answers."""

    def __init__(self, *, port: int = 0, auth: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ministack-"))
        port = port or _free_port()
        self.address = f"http://127.0.0.1:{port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **kept, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR",
            "AUTH": str(auth).lower(), "MINISTACK_ACCOUNT_ID": ACCOUNT, "TMPDIR": str(self._folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [interpreter(), "-m", "ministack"], env=environment, cwd=self._folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._wait(port)

    def stop(self) -> None:
        """Gone afterwards, and the workers that it started."""
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, port: int) -> None:
        end = time.monotonic() + START_SECONDS
        while not _healthy(port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise Unavailable(f"ministack did not start on port {port}", hint="is the port taken?")
            time.sleep(0.05)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m toolkit.adapters.aws.emulator.ministack")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--auth", action="store_true", help="check signatures and permissions")
    parser.add_argument("--detached", action="store_true", help="goes on when its standard input closes")
    options = parser.parse_args()
    ending = Ending(detached=options.detached)
    server = Ministack(port=options.port, auth=options.auth)
    ending.wait(server.address)
    server.stop()


if __name__ == "__main__":
    main()
