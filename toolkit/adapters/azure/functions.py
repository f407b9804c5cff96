"""The functions of a target, as its settings say: container apps (`containerapps`, the default), which have versions
beside each other, shares of traffic and one lasting URL; or function apps (`sites`), which have one version at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from toolkit.domain.errors import ConfigError
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.ports.provider import Provider

FUNCTIONS = "functions"  # of the setting `functions`
LACKS = frozenset({"functions.weights", "functions.beside"})
PERMISSIONS = "toolkit.adapters.azure.permissions:of_sites"
LIMITS = {"function_memory_mb": 4096, "function_timeout_seconds": 230}


def chosen(provider: Provider, settings: Mapping[str, Any]) -> Provider:
    """The provider as the settings have it: function apps offer less than container apps."""
    if settings.get("functions") != FUNCTIONS:
        return provider
    limits = {**provider.limits, **LIMITS}
    return replace(provider, claims=provider.claims - LACKS, limits=limits, permissions=PERMISSIONS)


def url(settings: Settings, function: str) -> str:
    """Where a function answers. NotFound, ConfigError (it has no traffic)."""
    found = open_functions(settings).observe(function).url
    if not found:
        raise ConfigError(f"function {function!r} has no traffic, so nothing can call it", hint="toolkit deploy")
    return found


def open_functions(settings: Settings) -> Functions:
    if settings.get("functions") == FUNCTIONS:
        from toolkit.adapters.azure.sites import SiteFunctions

        return SiteFunctions(settings)
    from toolkit.adapters.azure.containerapps import ContainerAppFunctions

    return ContainerAppFunctions(settings)
