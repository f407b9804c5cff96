"""A person's requirements as a fully pinned, hash-locked text: what a job installs and what names its environment.

The same requirements lock to the same text on this machine for as long as the cache lives, so that code, data and
parameters that did not change are still the same run although the index has newer versions.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError
from toolkit.packaging import cache, uv

_NESTED = re.compile(r"^\s*(?:-r|-c|--requirements?|--constraints?)[ =]\s*(\S+)", re.M)
_LOCAL = re.compile(r"^(?:-e |\.{1,2}/|/).*|^.*@ file:.*|^file:.*", re.M)


def lock(path: Path, python: str, platform: str | None = None, *, hashes: bool = True, refresh: bool = False) -> str:
    """Pin what a requirements.txt or pyproject.toml asks for, for Python `python` ("3.11").

    `platform` is uv's name of one ("aarch64-manylinux_2_28"), None for this machine. `refresh` asks the index again.
    Raises ConfigError (file missing or unreadable, nothing fits: uv's reason, a dependency that is a local folder),
    Unavailable (no index), MissingExtra (uv).
    """
    sources = _sources(path)
    key = digest.of_value(["lock", 1, path.name, python, platform or "host", hashes, [d for _, d in sources]])
    kept = cache.folder("locks") / f"{key}.txt"
    if kept.is_file() and not refresh:
        return kept.read_text("utf-8")
    text = resolve(path.resolve(), python, platform, hashes=hashes, doing=f"cannot lock {path}")
    _refuse_local(text, path)
    with cache.placing(kept) as part:
        part.write_text(text, "utf-8")
    return text


def resolve(path: Path, python: str, platform: str | None, *, hashes: bool, doing: str, wheels: bool = False) -> str:
    """`uv pip compile` of one file, with one comment line a package that tells who asked for it."""
    arguments = ["pip", "compile", str(path), "--quiet", "--no-header", "--annotation-style=line"]
    arguments += [
        "--python",
        sys.executable,
        "--python-version",
        python,
        *(["--python-platform", platform] if platform else []),
    ]
    arguments += [*(["--generate-hashes"] if hashes else []), *(["--only-binary=:all:"] if wheels else [])]
    return uv.run(arguments, cwd=path.parent, doing=doing, hint="loosen the versions, or choose another Python")


def _sources(path: Path) -> list[tuple[Path, str]]:
    """The file and every file it names with -r or -c, with their digests."""
    found: dict[Path, str] = {}
    pending = [path]
    while pending:
        file = pending.pop()
        if file in found:
            continue
        try:
            data = file.read_bytes()
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise ConfigError(
                f"requirements file {file} cannot be read: {error.strerror}",
                hint="set requirements under [train] to a requirements.txt or pyproject.toml",
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"requirements file {file} is not UTF-8 text: {error.reason}") from error
        found[file] = digest.of_bytes(data)
        if file.suffix == ".toml":
            _check_project(file, text)
        else:
            pending += _nested(file, text)
    return sorted(found.items())


def _nested(file: Path, text: str) -> Iterator[Path]:
    for name in _NESTED.findall(text):
        if "://" not in name:
            yield file.parent / name.strip("'\"")


def _check_project(file: Path, text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    if "project" not in document:
        raise ConfigError(f"{file} has no [project] table, so it names no dependencies", hint="add one, or use a txt")


def _refuse_local(text: str, path: Path) -> None:
    match = _LOCAL.search(text)
    if match:
        raise ConfigError(
            f"{path} depends on a folder of this machine ({match[0].strip()}); a job elsewhere cannot install it",
            hint="put its code into the project (include under [train]), or publish it as a package",
        )
