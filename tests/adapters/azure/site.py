"""What an operator makes before anything runs on Container Apps: the environment. And a sink of schedules in it."""

from __future__ import annotations

from tests.adapters.azure import microsoft
from tests.adapters.clocked import Sink
from toolkit.adapters.azure.arm_apps import Apps
from toolkit.adapters.azure.emulator.jobs import CLOCK
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.store import open_store
from toolkit.ports import Settings


def make(**more: object) -> Settings:
    """The settings of a new project with an empty container and an environment."""
    found: Settings = {**microsoft.bucket(), **more}
    apps = Apps(found)
    body = {"location": apps.arm.location, "properties": {}}
    apps.change("make the environment", "PUT", apps.environment, body)
    return found


def sink(settings: Settings) -> Sink:
    return Sink(settings, open_functions(settings), open_store(settings), CLOCK)
