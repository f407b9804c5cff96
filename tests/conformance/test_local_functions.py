from collections.abc import Iterator

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.functions import LocalFunctions, open_functions
from toolkit.adapters.local.store import open_store
from toolkit.ports.functions import Functions
from toolkit.testing.functions import Deploy, FunctionsSuite, PutBundle, answers, bundle_into

_FITS: type[Functions] = LocalFunctions
Settings = dict[str, object]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """One host for all cases: a function that stays keeps it running."""
    root = tmp_path_factory.mktemp("local")
    settings: Settings = {"store": str(root / "store"), "host": str(root / "host"), "python": "", "port": 0}
    stays = Deploy(open_functions(settings), bundle_into(open_store(settings)))
    stays(answers("here"))
    yield settings
    stays.delete()


@pytest.mark.slow
class TestLocalFunctions(FunctionsSuite):
    provider = PROVIDER

    @pytest.fixture
    def functions(self, settings: Settings) -> Functions:
        return open_functions(settings)

    @pytest.fixture
    def put_bundle(self, settings: Settings) -> PutBundle:
        return bundle_into(open_store(settings))
