"""Targets of several providers: which table gives a port its settings, and what is made of more than one port.

`ports` maps a port to a provider, or to another table of the target that says `provider = "..."`: so one target can
have two servers of one provider (an S3 server of one's own for the state, AWS for the functions). `artifacts` is the
one port that need not be there: a store for what is large (`state.shelves`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolkit.domain.errors import PlanError
from toolkit.domain.specs import Binding
from toolkit.ports.provider import Provider

ARTIFACTS = "artifacts"
PROVIDER = "provider"  # the key of a table that is not named after its provider


def table(extra: Mapping[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """(provider, its settings as they are written) of the table `name` of a target."""
    written = dict(extra.get(name) or {})
    return str(written.pop(PROVIDER, name)), written


def require_state(store: Provider, target: str) -> None:
    """PlanError: the store cannot hold state."""
    if not store.offers("store.create"):
        raise PlanError(
            f"{store.title} cannot hold the state of target {target!r}: it has no create-only write, and with two "
            "writers both would win",
            hint=f'ports = {{ store = "aws" (gcp, azure, local), {ARTIFACTS} = "{store.name}" }} in its table',
        )


def opener(open_port: Callable[[str, Binding], Any], ports: Mapping[str, Binding]) -> Callable[[str, Binding], Any]:
    """`open_port`, by which the target's store is that of its state with that of its artifacts."""
    if ARTIFACTS not in ports:
        return open_port

    def opened(port: str, binding: Binding) -> Any:
        found = open_port(port, binding)
        if port != "store" or binding != ports["store"]:
            return found
        from toolkit.state.shelves import Shelves

        return Shelves(found, lambda: open_port("store", ports[ARTIFACTS]))

    return opened
