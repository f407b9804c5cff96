from typing import ClassVar

import pytest

from tests.adapters.azure import site
from tests.support import HERE
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.containerapps import ContainerAppFunctions
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.store import open_store
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.testing.functions import FunctionsSuite, PutBundle, bundle_into

_FITS: type[Functions] = ContainerAppFunctions


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make()


@pytest.mark.slow
class TestAzureFunctions(FunctionsSuite):
    provider = PROVIDER
    fields: ClassVar = {"runtime": HERE}

    @pytest.fixture
    def functions(self, settings: Settings) -> Functions:
        return open_functions(settings)

    @pytest.fixture
    def put_bundle(self, settings: Settings) -> PutBundle:
        return bundle_into(open_store(settings))
