"""Open one port of one provider. What a deployed function imports of this floor, so it stays light."""

from __future__ import annotations

import importlib
from typing import Any

from toolkit.bootstrap.providers import provider
from toolkit.domain.errors import Unsupported, missing_extra
from toolkit.domain.specs import Binding


def open_port(port: str, binding: Binding) -> Any:
    """The opened port. Unsupported if the provider has none; MissingExtra if a third-party module is missing."""
    declared = provider(binding.provider)
    ports = {**declared.ports, **({"signer": declared.signer} if declared.signer else {})}
    if port not in ports:
        offered = ", ".join(sorted(declared.ports)) or "nothing"
        raise Unsupported(
            f"provider {declared.name!r} offers no {port}: it offers {offered}",
            hint=f'map it elsewhere: ports = {{ {port} = "local" }} in the target\'s table',
        )
    module, _, attribute = ports[port].partition(":")
    try:
        opener = getattr(importlib.import_module(module), attribute)
        return opener(binding.settings)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "toolkit":
            raise
        raise missing_extra(str(error.name), declared.extra or declared.name) from error
