from collections.abc import Callable

import pytest

from tests.state.crashes import OPERATIONS, Enumeration
from toolkit.state.journal import Entry, Journal, Position


@pytest.fixture(autouse=True)
def _checkpoints_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that writing and reading them is among the calls that fail."""
    monkeypatch.setattr(Journal, "CHECKPOINT_EVERY", 2)


def test_every_fault_and_every_pair_of_faults(record_property: Callable[[str, object], None]) -> None:
    enumerations = [Enumeration(operation) for operation in OPERATIONS]
    for enumeration in enumerations:
        enumeration.all_faults()
    assert [violation for enumeration in enumerations for violation in enumeration.violations] == []
    scenarios = {enumeration.operation.name: enumeration.scenarios for enumeration in enumerations}
    record_property("scenarios", scenarios)
    assert sum(scenarios.values()) >= 5_000, scenarios


@pytest.mark.parametrize("name", ["journal append", "incident"])
def test_without_the_operation_id_it_fails(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def forgetful(self: Journal[object], position: Position[object], op: str) -> Entry | None:
        return None

    monkeypatch.setattr(Journal, "_outcome", forgetful)
    enumeration = Enumeration(next(operation for operation in OPERATIONS if operation.name == name))
    enumeration.all_faults()
    assert len(enumeration.violations) > enumeration.scenarios / 20
    assert enumeration.run({}).violation == ""  # nothing shows while nothing fails
