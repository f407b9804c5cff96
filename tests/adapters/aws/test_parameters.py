"""What is no secret lies in SSM, whatever else is the same: by the port's own cases, and what only AWS has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tests.adapters.aws import cloud, privilege
from tests.adapters.aws.privilege import Call
from toolkit.adapters.aws import grants
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.parameters import MAX_BYTES, AwsParameters
from toolkit.adapters.aws.policies import Site
from toolkit.adapters.aws.secrets import ByName, open_secrets
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets

_FITS: tuple[type[Secrets], ...] = (AwsParameters, ByName)
NAMES = [f"plain-{number}" for number in range(23)]


@pytest.fixture
def settings() -> Settings:
    return cloud.settings(parameters=NAMES)


@pytest.fixture
def secrets(settings: Settings) -> Secrets:
    return open_secrets(settings)


def service(settings: Settings, name: str) -> Any:
    return client(name, cloud.REGION, settings["services_endpoint"])


@pytest.mark.parametrize("value", ["s", "two\nlines\n", "  spaces  ", '{"a": "ä"}', "\r\n", "ä" * (MAX_BYTES // 2)])
def test_a_value_comes_back_exactly_and_replaced(settings: Settings, secrets: Secrets, value: str) -> None:
    secrets.put(NAMES[0], "before")
    secrets.put(NAMES[0], value)
    assert secrets.get(NAMES[0]) == open_secrets(settings).get(NAMES[0]) == value
    assert list(secrets.list()) == [NAMES[0]]


def test_a_plain_value_is_in_ssm_and_every_other_in_secrets_manager(settings: Settings, secrets: Secrets) -> None:
    secrets.put("token", "hidden")
    secrets.put(NAMES[0], "seen")
    ssm, manager = service(settings, "ssm"), service(settings, "secretsmanager")
    full = f"/{settings['secrets']}/{NAMES[0]}"
    found = ssm.get_parameter(Name=full)["Parameter"]
    assert (found["Value"], found["Type"]) == ("seen", "String")
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=full)["TagList"]
    assert {"Key": "managed-by", "Value": "toolkit"} in tags
    kept = manager.list_secrets(Filters=[{"Key": "name", "Values": [f"{settings['secrets']}/"]}])["SecretList"]
    assert [one["Name"] for one in kept] == [f"{settings['secrets']}/token"]
    assert list(secrets.list()) == [NAMES[0], "token"]


def test_more_names_than_one_request_takes_are_listed_in_order(secrets: Secrets) -> None:
    for name in reversed(NAMES):
        secrets.put(name, "value")
    assert list(secrets.list()) == sorted(NAMES)


def test_deleted_is_gone(secrets: Secrets) -> None:
    secrets.put(NAMES[0], "value")
    secrets.delete(NAMES[0])
    secrets.delete(NAMES[0])
    assert list(secrets.list()) == []
    with pytest.raises(NotFound, match=NAMES[0]) as missing:
        secrets.get(NAMES[0])
    assert missing.value.hint == f"toolkit secrets set {NAMES[0]}"
    secrets.put(NAMES[0], "again")
    assert secrets.get(NAMES[0]) == "again"


@pytest.mark.parametrize("value", ["", "ä" * (MAX_BYTES // 2) + "x", "surrogate \ud800"])
def test_what_ssm_cannot_keep_is_refused_unseen(secrets: Secrets, value: str) -> None:
    secrets.put(NAMES[0], "before")
    with pytest.raises(ConfigError) as refused:
        secrets.put(NAMES[0], value)
    assert not value or value not in f"{refused.value} {refused.value.hint}"
    assert secrets.get(NAMES[0]) == "before"


def test_a_larger_one_is_told_where_it_fits(secrets: Secrets) -> None:
    with pytest.raises(ConfigError, match=f"4097 bytes; SSM keeps {MAX_BYTES}") as refused:
        secrets.put(NAMES[0], "x" * 4097)
    assert "Secrets Manager" in refused.value.hint
    secrets.put("token", "x" * 4097)


@pytest.mark.parametrize("name", ["", "../a", "A", "a/b", "a" * 41])
def test_a_bad_name_is_refused(secrets: Secrets, name: str) -> None:
    for call in (lambda: secrets.put(name, "value"), lambda: secrets.get(name), lambda: secrets.delete(name)):
        with pytest.raises(ConfigError):
            call()


def test_what_somebody_encrypted_is_not_taken_for_its_value(settings: Settings, secrets: Secrets) -> None:
    service(settings, "ssm").put_parameter(
        Name=f"/{settings['secrets']}/{NAMES[0]}", Value="hidden", Type="SecureString"
    )
    with pytest.raises(Corrupt, match="no plain text"):
        secrets.get(NAMES[0])


def test_a_secret_that_became_a_plain_value_is_not_listed_twice(settings: Settings, secrets: Secrets) -> None:
    open_secrets({**settings, "parameters": []}).put(NAMES[0], "from before")
    assert list(secrets.list()) == []
    with pytest.raises(NotFound):
        secrets.get(NAMES[0])


@pytest.mark.parametrize(("more", "said"), [
    ({"parameters": ["Not a name"]}, "Not a name"),
    ({"parameters": ["a/b"]}, "a/b"),
    ({"parameters": ["user"], "secrets": "aws-things/prod"}, "set secrets ="),
    ({"parameters": ["user"], "secrets": "SSM/prod"}, "set secrets ="),
])  # fmt: skip
def test_settings_that_ssm_would_refuse_are_refused_at_once(more: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AwsSettings.model_validate(more, context={"project": "flights", "target": "prod"})


def test_the_grants_are_what_the_calls_need_and_there_only_with_parameters(settings: Settings) -> None:
    calls: list[Call] = []
    ssm = service(settings, "ssm")

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append(Call("deployer", "ssm", model.name, dict(params)))

    ssm.meta.events.register("provide-client-params.ssm.*", record)
    try:
        parameters = AwsParameters(settings["secrets"], ("user",), lambda: ssm)
        parameters.put("user", "one")
        parameters.put("user", "two")
        assert (parameters.get("user"), list(parameters.list())) == ("two", ["user"])
        parameters.delete("user")
    finally:
        ssm.meta.events.unregister("provide-client-params.ssm.*", record)
    site = Site(
        stem=settings["stem"], bucket="b-1", prefix="p", secrets=settings["secrets"], namespace="n",
        account="123456789012", region=cloud.REGION, parameters=True,
    )  # fmt: skip
    needs = [need for call in calls for need in privilege.needs(call, site)]
    (granted,) = (one for one in grants.deployer(site) if one.sid == "Parameters")
    assert all(privilege.allows(granted, need) for need in needs)
    assert {action for action, _, _ in needs} == set(granted.actions)
    assert not [one for one in grants.deployer(replace(site, parameters=False)) if "ssm:" in str(one.actions)]
