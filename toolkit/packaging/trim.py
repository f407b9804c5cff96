"""What of an installed package a function never reads. Onnxruntime's set goes from 160 MB to under 100.

Licences stay: what is redistributed carries them. Of the metadata stays what `importlib.metadata` answers from.
"""

from __future__ import annotations

import shutil
from fnmatch import fnmatchcase
from pathlib import Path

FOLDERS = ("__pycache__", "tests")
SUFFIXES = (".pyi", ".pxd", ".pyx", ".h", ".hpp", ".c", ".cc", ".cpp", ".cu", ".f90", ".a", ".lib", ".cmake", ".exe")
NAMES = ("py.typed", ".lock")
PATHS = (
    "bin",
    "include",
    "share/doc",
    "share/man",
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/training",
    "onnxruntime/transformers",
    "onnxruntime/capi/libonnxruntime.so*",  # 35 MB that the Python module does not link
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/_pyinstaller",
    "numpy/distutils",
    "numpy/doc",
    "numpy/f2py",
)
# of the 420 services that botocore describes in 25 MB, those that a deployed function asks (a test compares)
SERVICES = (
    "batch", "cloudwatch", "ecr", "iam", "lambda", "logs", "s3", "scheduler", "secretsmanager", "sns", "ssm", "sts",
)  # fmt: skip
METADATA = ("METADATA", "entry_points.txt", "licenses", "LICEN[CS]E*", "NOTICE*", "COPYING*", "AUTHORS*")

# part of a layer's key: a changed rule is another layer
RULES = [list(rule) for rule in (FOLDERS, SUFFIXES, NAMES, PATHS, SERVICES, METADATA)]


def trim(root: Path) -> None:
    """Remove it all from a folder that `uv pip install --target` has filled."""
    for pattern in PATHS:
        for path in root.glob(pattern):
            _remove(path)
    for folder in (*root.glob("botocore/data/*/"), *root.glob("boto3/data/*/")):
        if folder.name not in SERVICES:
            _remove(folder)
    for info in root.glob("*.dist-info"):
        for path in info.iterdir():
            if not any(fnmatchcase(path.name, keep) for keep in METADATA):
                _remove(path)
    for path in sorted(root.rglob("*"), reverse=True):
        if (path.name in FOLDERS and path.is_dir()) or path.name in NAMES or path.suffix in SUFFIXES:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
