"""`[targets.<t>.memory]`: two opened ports with the same `name` share their content within one process.

`jobs = "here"` runs jobs inside this process, where they see its memory; see `jobs`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class MemorySettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "default"
    jobs: Literal["process", "here"] = "process"
