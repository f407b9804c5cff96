from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.domain.errors import Corrupt, PlanError
from toolkit.packaging import archive, budget
from toolkit.packaging.budget import Row

FILES: dict[str, bytes] = {
    "numpy/a.py": bytes(5000),
    "numpy.libs/b.so": bytes(3000),
    "numpy-2.4.dist-info/METADATA": bytes(10),
    "typing_extensions.py": bytes(200),
    "app.py": b"x",
    "__pycache__/app.cpython-311.pyc": b"yy",
    "model/model.onnx": bytes(range(256)) * 8,
}


def test_rows_per_package_the_biggest_first(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    archive.write(path, archive.pack_all(FILES))
    rows = budget.describe(path)
    assert [(row.name, row.unpacked, row.files) for row in rows] == [
        ("numpy", 8010, 3), ("model", 2048, 1), ("typing_extensions", 200, 1), ("app", 3, 2),
    ]  # fmt: skip
    assert rows[-1] == Row("app", 3, 3, 2)
    assert all(row.packed < row.unpacked for row in rows[:3])
    path.write_bytes(b"no zip")
    with pytest.raises(Corrupt):
        budget.describe(path)


def test_what_does_not_fit_is_explained() -> None:
    members = archive.pack_all({**FILES, "big/x": bytes(3 << 20)})
    budget.fit(members)
    budget.fit(members, unpacked=4 << 20, packed=1 << 20)
    with pytest.raises(
        PlanError, match=r"3\.0 MiB unpacked, 1\.0 MiB over the 2\.0 MiB .* the biggest: big 3\.0 MiB, numpy"
    ):
        budget.fit(members, unpacked=2 << 20)
    with pytest.raises(PlanError, match="packed"):
        budget.fit(members, packed=100)
