"""`[targets.<t>.memory]`: two opened ports with the same `name` share their content within one process."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class MemorySettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "default"
