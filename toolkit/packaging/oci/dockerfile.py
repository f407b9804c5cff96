"""The same image as a folder for `docker build`: a Dockerfile, and beside it the files of each layer.

What it builds has the same content and starts the same way; its digest is Docker's business.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from toolkit.domain.errors import ConfigError
from toolkit.packaging import cache
from toolkit.packaging.oci.build import ImageSpec, planned
from toolkit.packaging.oci.contents import WORK

NAME = "Dockerfile"


def export(spec: ImageSpec, base: str, folder: Path) -> list[str]:
    """Write the folder; the names at its top. `base` is what FROM says. ConfigError where something else is there."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / NAME).is_file())):
        raise ConfigError(f"{folder} is there and holds no {NAME}", hint="choose another --output")
    with cache.disk(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        for group in spec.content.groups:
            place = folder / group.name
            shutil.rmtree(place, ignore_errors=True)
            for name, member in group.members.items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(member.data())
                path.chmod(0o755 if name.startswith("bin/") else 0o644)
        (folder / NAME).write_text(text(spec, base), "utf-8")
    return sorted(path.name for path in folder.iterdir())


def text(spec: ImageSpec, base: str) -> str:
    process = planned(spec)
    given = set(spec.base.image.config.env or ())
    lines = [f"FROM {base}"]
    lines += [f"COPY --chown=0:0 {group.name}/ {group.under}/" for group in spec.content.groups]
    lines += [f'RUN ["{spec.offers.python}", "-c", "import os; os.makedirs({WORK!r}, exist_ok=True); os.chmod({WORK!r}, 0o1777)"]']  # noqa: E501  # fmt: skip
    lines += [f"ENV {_variable(pair)}" for pair in process.env or () if pair not in given]
    lines += [f"LABEL {json.dumps(name)}={_quoted(value)}" for name, value in (process.labels or {}).items()]
    lines += [f"EXPOSE {port.partition('/')[0]}" for port in process.exposed_ports or ()]
    lines += [f"WORKDIR {process.working_dir}", f"USER {process.user}", f"STOPSIGNAL {process.stop_signal}"]
    lines += [f"ENTRYPOINT {json.dumps(process.entrypoint)}"]
    lines += [f"CMD {json.dumps(process.cmd or [])}"]
    return "\n".join(lines) + "\n"


def _variable(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={_quoted(value)}"


def _quoted(value: str) -> str:
    """A Dockerfile's double quotes: backslash, quote and $ mean something in them."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
