"""Find and read what a person wrote: `toolkit.toml`, or `[tool.toolkit]` in pyproject.toml, nearest parent first."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.domain.errors import ConfigError

FILE = "toolkit.toml"


@dataclass(frozen=True)
class Source:
    """`tables` is the configuration as plain values; `where(path)` names file and line for a dotted key."""

    path: Path
    tables: dict[str, Any]
    text: str
    prefix: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        return self.path.parent

    def where(self, path: tuple[str | int, ...]) -> str:
        line = _line(self.text, (*self.prefix, *(part for part in path if isinstance(part, str))))
        return f"{self.path.name}:{line}" if line else self.path.name


def find(start: Path, explicit: str = "", environ: Mapping[str, str] = os.environ) -> Source:
    """`--config` > TOOLKIT_CONFIG > nearest parent's toolkit.toml > its pyproject.toml with [tool.toolkit]."""
    named = explicit or environ.get("TOOLKIT_CONFIG", "")
    if named:
        path = (start / named).absolute()
        return read(path / FILE if path.is_dir() else path)
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / FILE).is_file():
            return read(folder / FILE)
        project = folder / "pyproject.toml"
        if project.is_file() and "[tool.toolkit" in project.read_text(encoding="utf-8", errors="replace"):
            return read(project)
    raise ConfigError(f"no {FILE} in {start.absolute()} or above it", hint="toolkit init, or -C DIR")


def read(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(f"no such configuration file: {path}", hint="toolkit init") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})", hint=f"iconv -t UTF-8 {path.name}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: not valid TOML: {error}", hint=f"open {path} at that line") from error
    if path.name == "pyproject.toml":
        return Source(path, dict(tables.get("tool", {}).get("toolkit", {})), text, ("tool", "toolkit"))
    return Source(path, tables, text)


def _line(text: str, path: tuple[str, ...]) -> int:
    """The line of `[a.b]` + `key`, or of the nearest table above it that is written down; 0 if none."""
    table: tuple[str, ...] = ()
    found, depth = 0, 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if header := re.fullmatch(r"\[\[?([^\]]+)\]\]?.*", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            here = table
        elif key := re.match(r"([A-Za-z0-9_.\"'-]+)\s*=", line):
            here = (*table, *(part.strip("\"'") for part in key[1].split(".")))
        else:
            continue
        if path[: len(here)] == here and len(here) > depth:
            found, depth = number, len(here)
    return found
