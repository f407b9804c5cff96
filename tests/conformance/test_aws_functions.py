from typing import ClassVar

import pytest

from tests.adapters.aws import cloud
from tests.support import HERE
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.functions import LambdaFunctions, open_functions
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.testing.functions import FunctionsSuite, PutBundle, bundle_into

_FITS: type[Functions] = LambdaFunctions


@pytest.fixture(scope="module")
def settings() -> Settings:
    return cloud.prepared()


@pytest.mark.slow
class TestAwsFunctions(FunctionsSuite):
    provider = PROVIDER
    fields: ClassVar = {"runtime": HERE}
    begin: ClassVar = cloud.begin()

    @pytest.fixture
    def functions(self, settings: Settings) -> Functions:
        return open_functions(settings)

    @pytest.fixture
    def put_bundle(self, settings: Settings) -> PutBundle:
        return bundle_into(open_store(settings))
