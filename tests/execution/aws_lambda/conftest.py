"""The pools of `rig.py`. Every case runs with the real runtime client and with our own: nothing tells them apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.aws_lambda.rig import CLIENTS, Rig


@pytest.fixture(params=CLIENTS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, request.param)
    yield rig
    for pool in rig.pools:
        pool.close()
    left = list((tmp_path / "workers").iterdir()) if (tmp_path / "workers").is_dir() else []
    assert left == []
