from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.state import patience


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "sleep", lambda seconds: None)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    name = uuid4().hex
    yield MemoryStore(name)
    forget(name)
