from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.store import MemoryStore, forget, open_store
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = MemoryStore


class TestMemoryStore(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def store(self, name: str) -> Store:
        return open_store({"name": name})

    @pytest.fixture
    def second(self, name: str) -> Store:
        return open_store({"name": name})
