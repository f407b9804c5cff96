"""The user's `prepare`: found, called, and its mistakes told in the user's own file and line.

    def prepare(frame, weather=...):    # polars, or pandas with data.frame = "pandas"; `weather` is from data.tables
        return frame.join(weather, ...)

The project's folder is importable during the call only, and its modules are forgotten afterwards, so that a file edited
between two calls is read again. What the function prints goes to stderr: stdout belongs to results.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.domain.errors import ConfigError, DataError, missing_extra

if TYPE_CHECKING:
    import polars as pl

Frame = Literal["polars", "pandas"]


def prepare(
    frame: pl.DataFrame,
    reference: str,
    directory: Path,
    *,
    tables: Mapping[str, pl.DataFrame] | None = None,
    kind: Frame = "polars",
) -> pl.DataFrame:
    """What "module:function" of the project makes of the frame, as polars.

    Raises ConfigError (no such module or function) or DataError (it failed: file, line and why; or it returned no
    table).
    """
    given = {name: as_kind(table, kind) for name, table in (tables or {}).items()}
    with _importable(directory):
        function = _load(reference, directory)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result = function(as_kind(frame, kind), **given)
        except Exception as error:
            raise _explained(error, reference, directory) from error
        return _as_polars(result, reference)


def as_kind(frame: pl.DataFrame, kind: Frame) -> Any:
    """The frame as the user wants it."""
    if kind == "polars":
        return frame
    try:
        return frame.to_pandas()
    except ImportError as error:
        raise missing_extra("pandas", "onnx") from error


@contextlib.contextmanager
def _importable(directory: Path) -> Iterator[None]:
    """`directory` first on the path; what is imported from it does not stay, and hides nothing that was there."""
    root = str(directory.resolve())
    own = {path.stem for path in directory.glob("*.py")} | {p.parent.name for p in directory.glob("*/__init__.py")}
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in own}
    sys.path.insert(0, root)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(root)
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _load(reference: str, directory: Path) -> Callable[..., Any]:
    module_name, separator, name = reference.partition(":")
    if not separator or not module_name or not name:
        raise ConfigError(f'data.prepare = {reference!r}: write "module:function"', hint='prepare = "pipeline:prepare"')
    try:
        bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            module = importlib.import_module(module_name)
        finally:
            sys.dont_write_bytecode = bytecode
    except ModuleNotFoundError as error:
        if error.name == module_name.partition(".")[0]:
            raise ConfigError(
                f"data.prepare = {reference!r}: {directory} holds no {module_name}.py",
                hint="the module lies beside toolkit.toml",
            ) from error
        raise _explained(error, reference, directory) from error
    except Exception as error:
        raise _explained(error, reference, directory) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(sorted(k for k, v in vars(module).items() if callable(v) and not k.startswith("_"))[:5])
        raise ConfigError(
            f"data.prepare = {reference!r}: {module_name}.py has no function {name!r}", hint=f"it has {known}"
        )
    found: Callable[..., Any] = function
    return found


def _explained(error: BaseException, reference: str, directory: Path) -> DataError:
    """The last line of the user's own code, and what happened there."""
    place = _place(error, directory)
    what = str(error).strip().split("\n\n")[0].strip() or "no message"
    hint = f"pip install {error.name}" if isinstance(error, ModuleNotFoundError) and error.name else f"see {place}"
    return DataError(f"prepare ({reference}) failed at {place}: {type(error).__name__}: {what}", hint=hint)


def _place(error: BaseException, directory: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename and _inside(error.filename, directory):
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _inside(f.filename, directory)]
    if not frames:
        return "its call"
    return f"{Path(frames[-1].filename).resolve().relative_to(directory.resolve())}:{frames[-1].lineno}"


def _inside(file: str, directory: Path) -> bool:
    path = Path(file).resolve()
    return path.is_relative_to(directory.resolve()) and "site-packages" not in path.parts


def _as_polars(result: Any, reference: str) -> pl.DataFrame:
    import polars as pl

    if isinstance(result, pl.LazyFrame):
        result = result.collect()
    if isinstance(result, pl.DataFrame):
        return result
    import narwhals

    try:
        converted: pl.DataFrame = narwhals.from_native(result, eager_only=True).to_polars()
        return converted
    except TypeError as error:
        kind = type(result).__name__
        raise DataError(
            f"prepare ({reference}) returned {kind}, not a table", hint="return the polars or pandas frame"
        ) from error
    except Exception as error:  # a pandas column of mixed objects, say
        said = str(error).splitlines()[0]
        raise DataError(f"prepare ({reference}) returned a table that cannot be read: {said}") from error
