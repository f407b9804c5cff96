"""A provider played on this machine: a process on loopback that answers as its cloud does, and how ports reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolkit.ports import Settings


@dataclass(frozen=True)
class Emulator:
    """Named in `Provider.emulators` as "module:function", `open(settings) -> Emulator`, and chosen by a target with
    `emulator = "..."` in the provider's table.

    `command` starts it: with `--port N --detached` it prints its address (http://127.0.0.1:N) as its first line and
    answers until SIGTERM; `home` says whether it also takes `--home FOLDER`, for what it runs. Its state is its own.
    `connect(settings, address)` gives the settings with which ports and the operator's half reach it, and sees to it
    that they do so with the emulator's fixed credentials, whatever the user has. `prepare(settings)`, called after the
    operator's half, makes what is neither that nor made by deploying (the image of the jobs, pushed once). `lacks` are
    claims of the provider that this emulator does not keep. `environment(address)` leads other programs there: the
    variables that the provider's own tools read.
    """

    name: str
    command: tuple[str, ...]
    connect: Callable[[Settings, str], dict[str, Any]]
    environment: Callable[[str], dict[str, str]] = lambda address: {}
    prepare: Callable[[Settings], None] = lambda settings: None
    home: bool = False
    lacks: frozenset[str] = frozenset()
