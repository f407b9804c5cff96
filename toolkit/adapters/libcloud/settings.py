"""`[targets.<t>.libcloud]`: which driver, and where. Credentials never: they are read from the environment."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from toolkit.domain.settings import Prefix

_DRIVER = re.compile(r"[a-z0-9][a-z0-9_]*")
_CONTAINER = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,254}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class LibcloudSettings(BaseModel):
    """Validated with `context={"directory": Path, "target": str, "project": str}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: str = Field(
        "", description='libcloud\'s name of the store: "backblaze_b2", "openstack_swift", "s3", "local"'
    )
    container: str = Field("", description="the container or bucket; whoever owns the account makes it once")
    prefix: Prefix = Field("", description="folder in the container; default: the project's name")
    folder: str = Field("", description='of driver "local": the folder that holds containers')
    options: dict[str, str | int | bool] = Field({}, description="the driver's own: host, port, secure, region, ...")
    key_variable: str = Field("LIBCLOUD_KEY", description="environment variable with the account's name or key id")
    secret_variable: str = Field("LIBCLOUD_SECRET", description="environment variable with its secret")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        context = info.context or {}
        if not isinstance(given, dict):
            return given
        completed = {"prefix": context.get("project", ""), **given}
        if given.get("folder") and context.get("directory"):
            completed["folder"] = str((context["directory"] / given["folder"]).absolute())
        return completed

    @field_validator("driver")
    @classmethod
    def _a_driver(cls, value: str) -> str:
        if value and not _DRIVER.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a libcloud driver: write it like backblaze_b2")
        return value

    @field_validator("container")
    @classmethod
    def _a_container(cls, value: str) -> str:
        if value and not _CONTAINER.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a container")
        return value

    @field_validator("key_variable", "secret_variable")
    @classmethod
    def _a_variable(cls, value: str) -> str:
        if not _VARIABLE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not the name of an environment variable; the secret itself is never written"
            )
        return value
