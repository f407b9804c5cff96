import pytest

from toolkit.adapters.azure import PROVIDER, permissions
from toolkit.adapters.azure.grants import POWERS, roles
from toolkit.resources import KINDS

WAYS = {"containerapps": permissions.TABLE, "functions": permissions.SITES_TABLE}


@pytest.mark.parametrize("way", WAYS)
def test_a_plan_asks_for_nothing_that_the_deployer_is_not_given(way: str) -> None:
    powers = [POWERS[grant.power] for grant in roles(way)["deployer"]]
    given = {action for power in powers for action in (*power.actions, *power.data)}
    for key, wanted in WAYS[way].items():
        assert set(wanted) <= given, key


def test_who_deploys_function_apps_touches_no_container_app() -> None:
    for role, given in roles("functions").items():
        actions = {action for grant in given for action in POWERS[grant.power].actions}
        assert not [action for action in actions if action.startswith("Microsoft.App/containerApps")], role
        assert role not in {"inference", "job", "scheduler"} or not [one for one in actions if "Microsoft.Web" in one]
    asked = {action for wanted in permissions.SITES_TABLE.values() for action in wanted}
    assert not [action for action in asked if action.startswith("Microsoft.App/containerApps")]


def test_nobody_writes_the_package_of_another_identity() -> None:
    """Who does would become it."""
    given = roles("functions")
    for role, others in {"inference": "drift-check-packages", "drift-check": "packages"}.items():
        assert others not in [grant.on for grant in given[role]]
        assert {"hosts", "keys"} <= {grant.on for grant in given[role] if grant.power == "host"}
    for role in set(given) - {"inference", "drift-check"}:
        assert not [grant for grant in given[role] if grant.power == "host"]


def test_every_kind_of_thing_has_its_permissions() -> None:
    assert set(KINDS) <= {kind for kind, _ in permissions.TABLE}
    assert PROVIDER.permits("function", "create") == permissions.of("function", "create") != ()
    assert PROVIDER.permits("function", "keep") == ()
    sites = PROVIDER.chosen({"functions": "functions"})
    assert sites.permits("schedule", "update") == permissions.of_sites("schedule", "update") != ()
    assert "Microsoft.Web/sites/publish/action" in sites.permits("route", "create")
