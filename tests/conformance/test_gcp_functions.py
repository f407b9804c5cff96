from typing import ClassVar

import pytest

from tests.adapters.gcp import google
from tests.support import HERE
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.functions import RunFunctions, open_functions
from toolkit.adapters.gcp.store import open_store
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.testing.functions import FunctionsSuite, PutBundle, bundle_into

_FITS: type[Functions] = RunFunctions


@pytest.fixture(scope="module")
def settings() -> Settings:
    return google.bucket()


@pytest.mark.slow
class TestGcpFunctions(FunctionsSuite):
    provider = PROVIDER
    fields: ClassVar = {"runtime": HERE}

    @pytest.fixture
    def functions(self, settings: Settings) -> Functions:
        return open_functions(settings)

    @pytest.fixture
    def put_bundle(self, settings: Settings) -> PutBundle:
        return bundle_into(open_store(settings))
