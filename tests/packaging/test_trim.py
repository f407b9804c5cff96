from __future__ import annotations

import re
from pathlib import Path

from toolkit.packaging.ours import PACKAGE
from toolkit.packaging.trim import SERVICES, trim

KEPT = [
    "botocore/data/endpoints.json",
    "botocore/data/s3/2006-03-01/service-2.json.gz",
    "numpy/__init__.py",
    "numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so",
    "numpy/testing/__init__.py",
    "numpy-2.4.6.dist-info/METADATA",
    "numpy-2.4.6.dist-info/licenses/LICENSE.txt",
    "numpy.libs/libopenblas.so",
    "onnxruntime/ThirdPartyNotices.txt",
    "onnxruntime/capi/onnxruntime_pybind11_state.so",
    "opentelemetry_api-1.dist-info/entry_points.txt",
]
GONE = [
    ".lock",
    "bin/uvicorn",
    "boto3/data/ec2/2016-11-15/resources-1.json",
    "botocore/data/ec2/2016-11-15/service-2.json.gz",
    "numpy/__init__.pyi",
    "numpy/_core/include/numpy/arrayobject.h",
    "numpy/_core/lib/libnpymath.a",
    "numpy/_core/tests/test_x.py",
    "numpy/f2py/__init__.py",
    "numpy/lib/__pycache__/a.cpython-311.pyc",
    "numpy-2.4.6.dist-info/RECORD",
    "numpy-2.4.6.dist-info/INSTALLER",
    "onnxruntime/capi/libonnxruntime.so.1.32.0",
    "onnxruntime/tools/a.py",
    "onnxruntime/transformers/models/b.py",
    "pydantic/py.typed",
]


def test_what_stays_and_what_goes(tmp_path: Path) -> None:
    for name in [*KEPT, *GONE]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    trim(tmp_path)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == sorted(KEPT)


def test_every_service_that_an_adapter_asks_stays() -> None:
    asked = {
        name
        for path in (PACKAGE / "adapters" / "aws").glob("*.py")
        for name in re.findall(r'client\(\s*"([a-z0-9-]+)"', path.read_text("utf-8"))
    }
    assert {"s3", "lambda", "secretsmanager"} <= asked
    assert asked <= set(SERVICES)
