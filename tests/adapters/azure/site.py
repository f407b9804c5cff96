"""What an operator makes before anything runs on Container Apps: the environment."""

from __future__ import annotations

from tests.adapters.azure import microsoft
from toolkit.adapters.azure.arm_apps import Apps
from toolkit.ports import Settings


def make(**more: object) -> Settings:
    """The settings of a new project with an empty container and an environment."""
    found: Settings = {**microsoft.bucket(), **more}
    apps = Apps(found)
    body = {"location": apps.arm.location, "properties": {}}
    apps.change("make the environment", "PUT", apps.environment, body)
    return found
