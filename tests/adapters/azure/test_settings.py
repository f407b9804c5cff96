from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from toolkit.adapters.azure.settings import EMULATED_ACCOUNT, AzureSettings

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def made(**given: Any) -> AzureSettings:
    return AzureSettings.model_validate(given, context={"project": "flights", "target": "prod"})


def test_what_an_operator_makes_is_known_from_the_subscription() -> None:
    found = made(subscription=SUBSCRIPTION, location="westeurope")
    assert (found.stem, found.prefix, found.container) == ("flights-prod", "flights", "flights-prod")
    assert found.resource_group == "flights-prod"
    assert found.account.startswith("flightsprod")
    assert found.vault.startswith("flights-prod-")
    assert found.audience == "api://flights-prod"


def test_without_a_subscription_nothing_is_guessed() -> None:
    found = made()
    assert (found.account, found.vault, found.audience) == ("", "", "")


def test_an_emulator_needs_nothing_said() -> None:
    found = made(emulator="azure")
    assert found.account == EMULATED_ACCOUNT
    assert found.subscription
    assert found.location == "westeurope"


def test_an_empty_prefix_is_the_root() -> None:
    assert made(prefix="").prefix == ""
    assert made().prefix == "flights"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subscription", "mine"),
        ("location", "West Europe"),
        ("account", "my-account"),
        ("account", "ab"),
        ("container", "Upper"),
        ("container", "a--b"),
        ("vault", "1vault"),
        ("resource_group", "ends."),
        ("prefix", "../up"),
        ("endpoint", "host:80"),
        ("ingestion", "https://host/path"),
        ("topics", ["https://host"]),
        ("identities", {"inference": "name"}),
        ("identities", {"nobody": f"/subscriptions/{SUBSCRIPTION}"}),
        ("unknown", "x"),
        ("key", "x"),
    ],
)
def test_what_azure_would_refuse_is_refused_here(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        made(**{key: value})
