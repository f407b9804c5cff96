from collections.abc import Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.secrets import MemorySecrets, forget, open_secrets
from toolkit.ports.secrets import Secrets
from toolkit.testing.secrets import SecretsSuite

_FITS: type[Secrets] = MemorySecrets


class TestMemorySecrets(SecretsSuite):
    provider = PROVIDER

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def secrets(self, name: str) -> Secrets:
        return open_secrets({"name": name})

    @pytest.fixture
    def second(self, name: str) -> Secrets:
        return open_secrets({"name": name})
