"""Which methods there are."""

from __future__ import annotations

from toolkit.adapters.gcp.emulator.rest import Method
from toolkit.adapters.gcp.emulator.site import Site


def methods(site: Site) -> dict[str, tuple[Method, ...]]:
    return {}
