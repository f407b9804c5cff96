"""`[targets.<t>.local]`: where the files lie. Relative paths are relative to the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class LocalSettings(BaseModel):
    """Validated with `context={"directory": Path, "target": str, "project": str}`; both paths come out absolute."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    store: str = Field(".toolkit/store", description="the bucket: shared by every local target of the project")
    host: str = Field(".toolkit/host", description="functions, jobs, schedules, secrets and logs of this machine")
    python: str = Field("", description="interpreter for jobs and functions; default: the one that runs the toolkit")
    port: int = Field(0, ge=0, le=65535, description="loopback port of the function URLs; 0 takes a free one once")
    webhooks: list[str] = Field([], description="alert channels: http(s) URLs, or `secret:NAME` to keep them secret")

    @field_validator("store", "host")
    @classmethod
    def _absolute(cls, value: str, info: ValidationInfo) -> str:
        directory = (info.context or {}).get("directory", Path.cwd())
        return str((Path(directory) / Path(value).expanduser()).absolute())

    @field_validator("python")
    @classmethod
    def _this_interpreter(cls, value: str) -> str:
        return value or sys.executable
