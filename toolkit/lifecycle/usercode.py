"""The user's training code inside the job: unpacked into a fresh folder, found there and nowhere else, called, and
taken out again; what it raises becomes one line that names their file and line."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.domain.errors import ConfigError, ToolkitError
from toolkit.packaging import code as packages


class Failed(Exception):
    """The user's code raised: the text is `reason(...)` of it; `traceback` is made while its files are still there."""

    def __init__(self, error: BaseException, folder: Path) -> None:
        super().__init__(reason(error, folder))
        inside = error.__traceback__.tb_next if error.__traceback__ else None  # without our own frame
        self.traceback = "".join(traceback.format_exception(type(error), error, inside))


@dataclass(frozen=True)
class UserCode:
    folder: Path

    def call(self, entry: str, *arguments: Any) -> Any:
        """What "module:function" returns.

        Raises Failed with the cause; our own errors (a metric that is no number) and MemoryError come through.
        """
        function = self._find(entry)
        try:
            return function(*arguments)
        except (ToolkitError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise Failed(error, self.folder) from error

    def _find(self, entry: str) -> Callable[..., Any]:
        module_name, _, name = entry.partition(":")
        if not name:
            raise ConfigError(f"train.entry {entry!r} is not 'module:function'", hint='entry = "train:train"')
        path = self.folder.joinpath(*module_name.split("."))
        if not path.with_suffix(".py").is_file() and not (path / "__init__.py").is_file():
            there = ", ".join(sorted(file.name for file in self.folder.glob("*.py"))) or "no Python file"
            raise ConfigError(
                f"the code package has no module {module_name!r} for train.entry; at its top there is {there}",
                hint="correct entry or include under [train]",
            )
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:
            raise Failed(error, self.folder) from error
        function = getattr(module, name, None)
        if not callable(function):
            raise ConfigError(
                f"{module_name}.py has no function {name!r} for train.entry", hint="correct entry under [train]"
            )
        found: Callable[..., Any] = function
        return found


@contextmanager
def unpacked(package: bytes, folder: Path) -> Iterator[UserCode]:
    """The package's modules first on the path while it is open, the folder that Python was started in not on it.

    Modules of it that were imported are forgotten afterwards, so that two packages in one process do not mix.
    """
    folder.mkdir(parents=True)
    packages.unpack(package, folder)
    before = list(sys.path)
    sys.path[:] = [str(folder), *(entry for entry in before if entry not in ("", str(Path.cwd())))]
    importlib.invalidate_caches()
    try:
        yield UserCode(folder)
    finally:
        sys.path[:] = before
        for name in [name for name, module in sys.modules.items() if _lies_in(module, folder)]:
            del sys.modules[name]
        importlib.invalidate_caches()


def _lies_in(module: Any, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(str(place).startswith(f"{folder}/") for place in places if place)


def reason(error: BaseException, folder: Path | None = None) -> str:
    """'ValueError: could not convert 'a' (train.py:12)': the last line of the user's own files that was running."""
    said = next(iter(str(error.msg if isinstance(error, SyntaxError) else error).splitlines()), "")[:500]
    place = _place(error, folder)
    return f"{type(error).__name__}{f': {said}' if said else ''}{f' ({place})' if place else ''}"


def _place(error: BaseException, folder: Path | None) -> str:
    if folder is None:
        return ""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(folder):
        return f"{Path(error.filename).relative_to(folder)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    return f"{Path(mine[-1].filename).relative_to(folder)}:{mine[-1].lineno}" if mine else ""
