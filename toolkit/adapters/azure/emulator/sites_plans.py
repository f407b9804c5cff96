"""Plans of Azure Functions: on Flex Consumption one for each app."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.adapters.azure.emulator import sites_checks as checks
from toolkit.adapters.azure.emulator.arm_room import id_of
from toolkit.adapters.azure.emulator.refused import conflict, missing
from toolkit.adapters.azure.emulator.rest import Call, Reply

PLANS = "Microsoft.Web/serverfarms"


class Plans:
    """`apps` are those of a plan, by its id in lower case."""

    def __init__(self, lock: threading.RLock, apps: Callable[[str], Sequence[Any]]) -> None:
        self._lock, self._apps = lock, apps
        self._kept: dict[str, dict[str, Any]] = {}

    def __contains__(self, plan: str) -> bool:
        return plan in self._kept

    def put(self, call: Call) -> Reply:
        checks.plan(call.body, call.path["plan"])
        name = id_of(call, PLANS, call.path["plan"])
        made = {**copy.deepcopy(call.body), "id": name, "name": call.path["plan"], "type": PLANS}
        made["properties"] |= {"provisioningState": "Succeeded", "status": "Ready"}
        with self._lock:
            self._kept[name.lower()] = made
        return Reply(made)

    def get(self, call: Call) -> Reply:
        with self._lock:
            found = self._kept.get(id_of(call, PLANS, call.path["plan"]).lower())
        if found is None:
            raise missing(f"{PLANS}/{call.path['plan']}")
        return Reply(found)

    def delete(self, call: Call) -> Reply:
        name = id_of(call, PLANS, call.path["plan"]).lower()
        with self._lock:
            if self._apps(name):
                raise conflict("Server farm cannot be deleted because it has web app(s) assigned to it.")
            return Reply(None, 200 if self._kept.pop(name, None) else 204)
