"""The one place that runs uv: find it, run it, and turn its refusals into our errors, in its own short words."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from toolkit.domain.errors import ConfigError, Unavailable, missing_extra

_NETWORK = re.compile(r"failed to fetch|error sending request|dns error|connection refused|timed out|offline", re.I)
_FRAME = re.compile(r"^[\s×│├╰─▶]+|^(error|cause|warning): ", re.M)


def find() -> str:
    """The binary that the `build` extra installs. MissingExtra without it."""
    try:
        import uv

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise missing_extra("uv", "build") from error


def run(arguments: Sequence[str], *, cwd: Path, doing: str, hint: str = "") -> str:
    """Its standard output. Raises ConfigError (uv's reason) or Unavailable (the package index did not answer).

    `cwd` decides which project configuration uv sees; the user's own (uv.toml, UV_*) always applies.
    """
    environment = {**os.environ, "NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)  # or uv speaks of an environment that is not concerned
    done = subprocess.run(
        [find(), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode == 0:
        return done.stdout
    reason = short(done.stderr)
    if _NETWORK.search(done.stderr):
        raise Unavailable(f"{doing}: the package index did not answer: {reason}", hint="check the network, try again")
    raise ConfigError(f"{doing}: {reason}", hint=hint)


def short(stderr: str, limit: int = 600) -> str:
    """uv's message on one line, without its drawing: the first paragraph and the causes."""
    lines = (_FRAME.sub("", _FRAME.sub("", line)).strip() for line in stderr.splitlines())
    text = ": ".join(line.rstrip(":") for line in lines if line and not line.startswith("Using "))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
