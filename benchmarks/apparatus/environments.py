"""Environments of peers, made once with uv under the user's cache: what they need is kept out of ours."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MINUTES = 30 * 60.0  # of seconds, for the largest of them over a slow line


class Missing(Exception):
    """What cannot be measured here, and why."""


FAILS = (Missing, OSError, subprocess.SubprocessError)  # how a peer fails, which is its own affair


def home(name: str, packages: Sequence[str]) -> Path:
    """Where `bin/python` with those packages is; made on first use. Missing where they do not install here."""
    from platformdirs import user_cache_path
    from uv import find_uv_bin

    key = hashlib.sha256(" ".join([sys.version, *packages]).encode()).hexdigest()[:12]
    folder = user_cache_path("driftloop") / "peers" / f"{name}-{key}"
    if not (folder / "complete").exists():
        print(f"making the environment of {name} in {folder}", file=sys.stderr)
        uv = find_uv_bin()
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        python = str(folder / "bin" / "python")
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages])
        (folder / "complete").touch()
    return folder


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MINUTES)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"its environment is not made after {MINUTES / 60:.0f} minutes") from error
    if done.returncode:
        raise Missing(f"its environment cannot be made: {' '.join(done.stderr.split())[-250:]}")
