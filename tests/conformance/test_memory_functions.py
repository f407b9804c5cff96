from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.functions import MemoryFunctions, forget, open_functions
from toolkit.adapters.memory.store import open_store
from toolkit.ports.functions import Functions
from toolkit.testing.functions import FunctionsSuite, PutBundle, Visit, bundle_into

_FITS: type[Functions] = MemoryFunctions


class TestMemoryFunctions(FunctionsSuite):
    provider = PROVIDER

    @pytest.fixture
    def functions(self) -> Iterator[MemoryFunctions]:
        name = uuid4().hex
        yield open_functions({"name": name})
        forget(name)

    @pytest.fixture
    def put_bundle(self, functions: MemoryFunctions) -> PutBundle:
        return bundle_into(open_store({"name": functions.name}))

    @pytest.fixture
    def visit(self, functions: MemoryFunctions) -> Visit:
        return functions.visit
