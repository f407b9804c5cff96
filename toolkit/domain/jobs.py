"""What a job finds out about itself, wherever it runs. Standard library only.

A provider that starts jobs under variables of its own names them in `TOOLKIT_INDEX_FROM` and `TOOLKIT_EXECUTION_FROM`;
one that can set ours sets `TOOLKIT_INDEX` and `TOOLKIT_EXECUTION`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

INDEX, EXECUTION = "TOOLKIT_INDEX", "TOOLKIT_EXECUTION"
REQUIREMENTS = "TOOLKIT_REQUIREMENTS"  # digest of the blob of what is to be installed first
INDEX_FROM, EXECUTION_FROM = f"{INDEX}_FROM", f"{EXECUTION}_FROM"


def index(environ: Mapping[str, str] = os.environ) -> int | None:
    """Which of an array job's processes this is, from 0; None outside an array job."""
    text = environ.get(INDEX) or environ.get(environ.get(INDEX_FROM, ""), "")
    return int(text) if text.isdecimal() else None


def execution(environ: Mapping[str, str] = os.environ) -> str:
    """One text for all attempts of one submission, another for every other submission; "" where nobody says."""
    return environ.get(EXECUTION) or environ.get(environ.get(EXECUTION_FROM, ""), "")
