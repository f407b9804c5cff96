"""The endpoints of `endpoints.py` as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import endpoints
from tests.serving.endpoints import Client, Clock, Files
from toolkit.adapters.memory.store import forget, open_store
from toolkit.ports.store import Store
from toolkit.quality.baseline import Baseline
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.model import Model, load
from toolkit.serving.settings import Limits


@pytest.fixture(scope="session")
def binary_files() -> Files:
    return endpoints.binary_files()


@pytest.fixture(scope="session")
def multiclass_files() -> Files:
    return endpoints.multiclass_files()


@pytest.fixture(scope="session")
def regression_files() -> Files:
    return endpoints.regression_files()


@pytest.fixture(scope="session")
def binary(binary_files: Files) -> Model:
    return load(binary_files.files, binary_files.digest)


@pytest.fixture(scope="session")
def sampled() -> Model:
    files = endpoints.sampled_files()
    return load(files.files, files.digest)


@pytest.fixture(scope="session")
def multiclass(multiclass_files: Files) -> Model:
    return load(multiclass_files.files, multiclass_files.digest)


@pytest.fixture(scope="session")
def regression(regression_files: Files) -> Model:
    return load(regression_files.files, regression_files.digest)


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    return endpoints.baseline()


@pytest.fixture
def app(binary: Model) -> App:
    return create_app(binary, info=Info(endpoint="flights", version=3), limits=Limits(max_rows=50, max_body=20_000))


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    name = request.node.nodeid
    yield open_store({"name": name})
    forget(name)


@pytest.fixture
def clock() -> Clock:
    return Clock()
