"""A host folder and a store of one's own, and the functions in them; the host is stopped after the case."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.local.hosted import Settings
from toolkit.adapters.local import functions as local
from toolkit.adapters.local.functions import LocalFunctions, open_functions
from toolkit.adapters.local.store import open_store
from toolkit.testing.functions import Deploy, PutBundle, bundle_into


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = {"store": str(tmp_path / "store"), "host": str(tmp_path / "host"), "python": "", "port": 0}
    yield settings
    local.stop_host(settings)


@pytest.fixture
def functions(settings: Settings) -> LocalFunctions:
    return open_functions(settings)


@pytest.fixture
def put_bundle(settings: Settings) -> PutBundle:
    return bundle_into(open_store(settings))


@pytest.fixture
def deploy(functions: LocalFunctions, put_bundle: PutBundle) -> Deploy:
    return Deploy(functions, put_bundle)
