from toolkit.adapters.aws import PROVIDER, permissions, policies
from toolkit.adapters.aws.policies import Site
from toolkit.resources import KINDS

SITE = Site("s-t", "bucket", "s", "s/t", "s/t", "123456789012", "eu-west-1")


def test_a_plan_asks_for_nothing_that_the_deployer_is_not_given() -> None:
    given = {action for statement in policies.roles(SITE)["deployer"] for action in statement.actions}
    for key, wanted in permissions.TABLE.items():
        assert set(wanted) <= given, key


def test_every_kind_of_thing_has_its_permissions() -> None:
    assert set(KINDS) <= {kind for kind, _ in permissions.TABLE}
    assert PROVIDER.permits("function", "create") == permissions.of("function", "create") != ()
    assert PROVIDER.permits("function", "keep") == ()
