"""Which methods there are. Every part names its own (`methods(...)`), with the models that requests have to fit."""

from __future__ import annotations

from toolkit.adapters.azure.emulator import arm_rules
from toolkit.adapters.azure.emulator.rest import Method
from toolkit.adapters.azure.emulator.site import Site


def methods(site: Site) -> tuple[Method, ...]:
    own = (*site.resources.methods(), *site.vaults.methods(), *site.grid.methods(), *site.workspace.methods())
    return (*own, *site.sites.methods(), *arm_rules.methods(site))
