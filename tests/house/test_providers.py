"""What adapters declare is true: every string resolves, every claim is a known one, every port has its file."""

from __future__ import annotations

from importlib import import_module

import pytest

from toolkit.bootstrap import providers
from toolkit.domain import capabilities
from toolkit.domain.specs import PORTS


@pytest.mark.parametrize("name", providers.names())
def test_a_declaration_resolves(name: str) -> None:
    declared = providers.provider(name)
    assert declared.name == name
    named = (*declared.ports.values(), *declared.registries.values(), *declared.emulators.values(), declared.settings,
             declared.checks, declared.events, declared.operator, declared.permissions)  # fmt: skip
    for reference in filter(None, named):
        module, _, attribute = reference.partition(":")
        assert callable(getattr(import_module(module), attribute)), reference
    assert set(declared.ports) <= {*PORTS, "watches"}


@pytest.mark.parametrize("name", providers.names())
def test_claims_are_known_and_have_their_port(name: str) -> None:
    declared = providers.provider(name)
    for claim in capabilities.check(declared.claims):
        assert claim.partition(".")[0] in declared.ports
