"""Programs that others wrote, each in an environment of its own: made once by uv, kept beside the user's caches."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that holds these and what they need, and nothing of ours."""
    key = hashlib.sha256(json.dumps([sys.version, *requirements]).encode()).hexdigest()[:16]
    folder = Path(platformdirs.user_cache_dir("driftloop-peers")) / key
    python = folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").is_file():
            uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            uv("pip", "install", "--quiet", "--python", str(python), *requirements)
            (folder / "complete").touch()
    return python


def uv(*arguments: str) -> None:
    from uv import find_uv_bin

    done = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"uv {' '.join(arguments)}:\n{done.stderr}"


def ask(python: Path, script: str, **given: Any) -> Any:
    """Run `script` with `given` (JSON) as its variable `given`; the last line that it prints is JSON and comes back."""
    code = f"import json, sys\ngiven = json.load(sys.stdin)\n{script}"
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        [str(python), "-c", code],
        input=json.dumps(given), capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
