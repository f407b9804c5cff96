"""What Cloud Run says of containers, as numbers and names of ours; `execution.container` runs them."""

from __future__ import annotations

import sys


def seconds(duration: object) -> float:
    """Of a protobuf Duration."""
    return float(getattr(duration, "seconds", 0)) + float(getattr(duration, "nanos", 0)) / 1e9


def megabytes(text: str) -> int:
    """ "512Mi" or "2Gi"."""
    return int(text[:-2]) * (1024 if text.endswith("Gi") else 1)


def python_of(image: str) -> str:
    """The Python that the image's tag names; "" where it names none."""
    return image.rpartition(":")[2].rpartition("-py")[2] if "-py" in image.rpartition(":")[2] else ""


def own_python() -> str:
    return "{}.{}".format(*sys.version_info[:2])
