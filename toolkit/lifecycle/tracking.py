"""What a training function may call: `toolkit.log_metric`, `log_metrics`, `log_param`, `log_artifact`.

Inside a training job they are kept with the run, from any thread. Outside one (a notebook, a test of your own, `python
train.py`) they check their arguments and do nothing else, so that the same function runs everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import ConfigError

if TYPE_CHECKING:
    from toolkit.ports.store import Store
    from toolkit.state.segments import SegmentWriter

_lock = threading.RLock()
_current: _Recording | None = None


class _Recording:
    def __init__(self, writer: SegmentWriter, store: Store) -> None:
        self.writer = writer
        self.store = store


def log_metric(name: str, value: float, *, step: int | None = None) -> None:
    """One value of a metric; `step` orders them where the time does not."""
    log_metrics({name: value}, step=step)


def log_metrics(values: dict[str, float], *, step: int | None = None) -> None:
    """ConfigError for a name that is empty or a value that is no number."""
    numbers = {_name(name): _number(name, value) for name, value in values.items()}
    with _lock:
        if _current is not None:
            _current.writer.metrics(numbers, step=step)


def log_param(name: str, value: object) -> None:
    """A parameter that the run chose by itself; what JSON cannot hold is kept as its text."""
    name = _name(name)
    with _lock:
        if _current is not None:
            _current.writer.param(name, value)


def log_artifact(path: str | Path, name: str = "") -> None:
    """Keep a file, or every file of a folder, with the run under `name` (default: its own name).

    ConfigError if there is no such file.
    """
    source = Path(path)
    if not source.exists():
        raise ConfigError(f"log_artifact: there is no file {str(path)!r}", hint="write the file before it is logged")
    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    base = _name(name or source.name)
    for file in files:
        _keep(file, base if file is source else f"{base}/{file.relative_to(source).as_posix()}")


@contextmanager
def recording(store: Store, writer: SegmentWriter) -> Iterator[None]:
    """While it is open, what is logged goes to this run; written out at the end, also when training failed."""
    global _current
    with _lock:
        before, _current = _current, _Recording(writer, store)
    try:
        yield
    finally:
        with _lock:
            _current = before
            writer.close()


def _keep(file: Path, name: str) -> None:
    from toolkit.state.blobs import Blobs

    with _lock:
        if _current is not None:
            _current.writer.artifact(name, Blobs(_current.store).put_file(file))


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise ConfigError(f"not a name of a metric, parameter or artifact: {name!r:.80} (text of 1-200 characters)")
    return name


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metric {name!r}: {value!r:.80} is no number") from error
