from toolkit.adapters.azure import PROVIDER, permissions
from toolkit.adapters.azure.grants import POWERS, roles
from toolkit.resources import KINDS


def test_a_plan_asks_for_nothing_that_the_deployer_is_not_given() -> None:
    powers = [POWERS[grant.power] for grant in roles()["deployer"]]
    given = {action for power in powers for action in (*power.actions, *power.data)}
    for key, wanted in permissions.TABLE.items():
        assert set(wanted) <= given, key


def test_every_kind_of_thing_has_its_permissions() -> None:
    assert set(KINDS) <= {kind for kind, _ in permissions.TABLE}
    assert PROVIDER.permits("function", "create") == permissions.of("function", "create") != ()
    assert PROVIDER.permits("function", "keep") == ()
