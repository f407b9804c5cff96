"""What a job sees: only what was declared, and the packages that were locked for it.

A job's variables are the declared ones plus a short list that programs cannot do without. Its folder is new and empty,
so `python -m` puts no checkout on `sys.path`, and PYTHONPATH is not handed on.

Locked requirements get a virtual environment made by uv, kept by the digest of the text and the interpreter under the
user's cache folder and shared by all jobs that ask for the same. It sees the toolkit of the base interpreter through
one `.pth` file, whose name sorts last and which appends the base's site-packages: what the lock installed is found
first, the toolkit and its own needs behind it. One builder at a time (a file lock); a folder counts only when its
`ready` file is there, so one that was killed half way is made anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, Interrupted, missing_extra
from toolkit.execution import files
from toolkit.execution.output import Output
from toolkit.execution.process import Command, never, run

_KEPT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_CACHE_HOME",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
_INSTALLER = ("UV_", "NETRC", "XDG_CONFIG_HOME", "XDG_DATA_HOME")  # uv's own settings: for uv, not for the job
_INSTALL_SECONDS = 1800.0
_BASE = """
import json, site
user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
print(json.dumps([*site.getsitepackages(), *user]))
"""


def variables(declared: Mapping[str, str], source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a job. PYTHONUNBUFFERED so that what it prints is seen, and kept, when it is printed."""
    source = os.environ if source is None else source
    kept = {name: source[name] for name in _KEPT if name in source}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **declared}


def for_supervisor(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a supervisor: what it hands on to jobs, and what uv needs. No credentials of the caller."""
    source = dict(os.environ if source is None else source)
    if "LAMBDA_TASK_ROOT" in source:  # submitted by a function, whose own folders are gone before the job ends
        source.pop("TMPDIR", None)
        source["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
    return {name: value for name, value in source.items() if name in _KEPT or name.startswith(_INSTALLER)}


def python_for(requirements: str, python: str, *, output: Output, stop: Callable[[], str] = never) -> str:
    """The interpreter that has `requirements` (locked text) beside the toolkit of `python`; "" gives `python` itself.

    Making it prints uv's words into `output`. Raises ConfigError (it cannot be installed, with uv's last line),
    MissingExtra (no uv), Interrupted (`stop`), StorageFull.
    """
    if not requirements.strip():
        return python
    key = digest.of_value([requirements, python, _version(python)])[:32]
    folder = cache() / key
    if (folder / "ready").exists():
        return str(_interpreter(folder))
    with files.translated("make the job's environment"), _alone(cache() / f"{key}.lock", stop):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, requirements, python, output, stop)
    return str(_interpreter(folder))


def cache() -> Path:
    """Where the environments lie: `environments` in the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("driftloop", appauthor=False) / "environments"


def _make(folder: Path, requirements: str, python: str, output: Output, stop: Callable[[], str]) -> None:
    uv = find_uv()
    _call((uv, "venv", "--quiet", "--no-project", "--python", python, str(folder)), folder.parent, output, stop)
    lock = folder / "requirements.txt"
    lock.write_text(requirements, encoding="utf-8")
    # Text with hashes is installed with every one of them checked.
    hashes = ("--require-hashes",) if "--hash=" in requirements else ()
    inside = str(_interpreter(folder))
    _call((uv, "pip", "sync", *hashes, "--python", inside, str(lock)), folder, output, stop)
    lines = "".join(f"import site; site.addsitedir({base!r})\n" for base in _base_folders(python))
    for packages in folder.glob("lib/python*/site-packages"):
        (packages / "zzz_toolkit_base.pth").write_text(lines, encoding="utf-8")
    files.replace(folder / "ready", b"")


def _call(argv: tuple[str, ...], cwd: Path, output: Output, stop: Callable[[], str]) -> None:
    cwd.mkdir(parents=True, exist_ok=True)
    env = {**for_supervisor(), "UV_NO_PROGRESS": "1"}
    outcome = run(Command(argv, env, cwd, timeout_seconds=_INSTALL_SECONDS), output, stop=stop)
    if outcome.state == "cancelled":
        raise Interrupted(outcome.reason)
    if outcome.state != "succeeded":
        raise ConfigError(f"the job's requirements could not be installed: uv {argv[1]}: {outcome.reason}")


def find_uv() -> str:
    """Where uv is. MissingExtra."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        if found := shutil.which("uv"):
            return found
        raise missing_extra("uv", "build") from error


def _interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def _version(python: str) -> str:
    if python == sys.executable:
        return sys.version
    return _ask(python, "import sys; print(sys.version)")


def _base_folders(python: str) -> list[str]:
    found: list[str] = json.loads(_ask(python, _BASE))
    return found


def _ask(python: str, code: str) -> str:
    try:
        done = subprocess.run(
            [python, "-c", code], env=variables({}), capture_output=True, text=True, check=True, cwd="/"
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"the interpreter {python} does not run: {error}") from error
    return done.stdout.strip()


@contextmanager
def _alone(path: Path, stop: Callable[[], str]) -> Iterator[None]:
    """Hold a file lock, waiting for it as long as nobody stops us."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if why := stop():
                    raise Interrupted(why) from None
                time.sleep(0.1)
        yield
