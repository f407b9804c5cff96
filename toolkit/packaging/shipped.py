"""Where `functions/` and `examples/` lie: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import toolkit
from toolkit.domain.errors import NotFound


def folder(name: Literal["functions", "examples"]) -> Path:
    """The folder `name`. The wheel's copy wins: a stray `functions/` beside site-packages is never picked up.

    Raises NotFound where the installation lacks it.
    """
    package = Path(toolkit.__file__).parent
    installed = package / "_shipped" / name
    if installed.is_dir():
        return installed
    checkout = package.parent / name
    if (package.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    raise NotFound(
        f"{name}/ is not part of this installation: looked in {installed} and {checkout}",
        hint="pip install --force-reinstall driftloop",
    )
