"""The functions of a target: container apps (`containerapps`), which have versions, weights and one lasting URL."""

from __future__ import annotations

from toolkit.adapters.azure.containerapps import ContainerAppFunctions
from toolkit.ports import Settings


def open_functions(settings: Settings) -> ContainerAppFunctions:
    return ContainerAppFunctions(settings)
