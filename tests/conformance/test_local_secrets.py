from pathlib import Path

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.secrets import LocalSecrets, open_secrets
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite

_FITS: type[Secrets] = LocalSecrets


class TestLocalSecrets(SecretsSuite):
    provider = PROVIDER

    @pytest.fixture
    def secrets(self, tmp_path: Path) -> Secrets:
        return open_secrets({"host": str(tmp_path / "host")})

    @pytest.fixture
    def second(self, tmp_path: Path) -> Secrets:
        return open_secrets({"host": str(tmp_path / "host")})
