from pathlib import Path

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.store import LocalStore, open_store
from toolkit.ports.store import Store
from toolkit.testing.store import StoreSuite

_FITS: type[Store] = LocalStore


class TestLocalStore(StoreSuite):
    provider = PROVIDER

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store({"store": str(tmp_path / "bucket")})

    @pytest.fixture
    def second(self, tmp_path: Path) -> Store:
        return open_store({"store": str(tmp_path / "bucket")})
