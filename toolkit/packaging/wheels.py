"""The packages of a bundle as one layer: resolved once, installed for the target's platform, trimmed, compiled."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from platform import libc_ver

from toolkit.domain import digest
from toolkit.domain.errors import PlanError
from toolkit.packaging import archive, bytecode, cache, layers, lock, scan, trim, uv
from toolkit.packaging.archive import Member
from toolkit.packaging.bytecode import Interpreter
from toolkit.packaging.contents import UNUSED, normal

# names people use -> uv's. Lambda's images for Python 3.12 and later have glibc 2.34; 2.28 is what current wheels need.
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
HOST = "host"

_ENTRY = re.compile(r"^(\S+?)==\S+.*?(?=^\S|\Z)", re.M | re.S)
_VIA = re.compile(r"# via (.*)")


def resolved(requirements: list[str], constraints: list[str], python: str, platform: str) -> str:
    """The hash-locked text of a wheel set, kept by what it was resolved from.

    Raises ConfigError with uv's reason: nothing fits together, or a package has no wheel for this Python and platform.
    """
    if not requirements:
        return ""
    key = digest.of_value(["wheels", 1, requirements, constraints, python, identity(platform)])
    kept = cache.folder("locks") / f"wheels-{key}.txt"
    if kept.is_file():
        return kept.read_text("utf-8")
    with cache.work() as work:
        wanted, around = work / "requirements.in", work / "constraints.txt"
        around.write_text("\n".join(constraints), "utf-8")
        wanted.write_text("\n".join([*requirements, f"-c {around.name}"]), "utf-8")
        doing = f"cannot resolve the function's packages for Python {python} on {platform}"
        text = lock.resolve(wanted, python, uv_platform(platform), hashes=True, doing=doing, wheels=True)
    text = without_unused(text)
    with cache.placing(kept) as part:
        part.write_text(text, "utf-8")
    return text


def uv_platform(platform: str) -> str | None:
    return None if platform == HOST else PLATFORMS.get(platform, platform)


def identity(platform: str) -> str:
    """What "host" means here, so that a cache shared by machines stays right."""
    return "-".join([sysconfig.get_platform(), *libc_ver()]) if platform == HOST else PLATFORMS.get(platform, platform)


def without_unused(text: str) -> str:
    """Leave out what only packages asked for that never import it (`UNUSED`)."""
    kept = []
    for match in _ENTRY.finditer(text):
        via = _VIA.search(match[0])
        askers = [normal(asker) for asker in via[1].split(", ") if not asker.startswith("-c ")] if via else []
        if not askers or any(normal(match[1]) not in UNUSED.get(asker, ()) for asker in askers):
            kept.append(match[0])
    return "".join(kept)


def layer(text: str, python: str, platform: str, by: Interpreter | None, *, whole: bool = False) -> dict[str, Member]:
    """Members of a bundle for a resolved text: site packages at the root, with bytecode where `by` is given.

    `whole` is for training: nothing is trimmed, programs stay, and pickles that packages bring as test data too.
    """
    if not text:
        return {}
    key = [text, python, identity(platform), "whole" if whole else trim.RULES, bytecode.identity(by)]
    return layers.layer("wheels", key, lambda: _make(text, python, platform, by, whole))


def _make(text: str, python: str, platform: str, by: Interpreter | None, whole: bool) -> Iterator[Member]:
    with cache.disk("cannot install the wheels"), cache.work() as work:
        root, locked = work / "site", work / "requirements.txt"
        root.mkdir()
        locked.write_text(text, "utf-8")
        arguments = ["pip", "install", "--quiet", "--target", str(root), "-r", str(locked), "--no-deps"]
        arguments += ["--only-binary=:all:", "--no-compile-bytecode", "--require-hashes"]
        arguments += ["--python", sys.executable, "--python-version", python]
        if target := uv_platform(platform):
            arguments += ["--python-platform", target]
        uv.run(arguments, cwd=work, doing=f"cannot install the function's packages for Python {python}")
        if not whole:
            trim.trim(root)
            _refuse_pickles(root)
        if by:
            bytecode.compile_tree(root, by)
        yield from archive.pack_all({path.relative_to(root).as_posix(): path for path in files_below(root)})


def files_below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _refuse_pickles(root: Path) -> None:
    code = {".py", ".so", ".pyd", ".dll", ".dylib"}
    for path in files_below(root):
        found = None if path.suffix in code else scan.pickled(path.relative_to(root).as_posix(), path.read_bytes())
        if found:
            raise PlanError(f"a package of the bundle brings {found}", hint="choose another package or version")
