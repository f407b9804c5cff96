"""`toolkit doctor` on Azure: each thing that can be missing is one line with what to type."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure.test_operator import STORAGE, _change, operator
from toolkit.adapters.azure import PROVIDER, doctor
from toolkit.adapters.azure.doctor import check
from toolkit.ports import Settings
from toolkit.ports.checks import Asked, Check, Checks

_FITS: Checks = check
ALL = frozenset(PROVIDER.ports)


def asked(settings: Settings, *, ports: frozenset[str] = ALL) -> dict[str, Check]:
    return {found.name: found for found in check(Asked(settings, "prod", ports))}


@pytest.fixture(scope="module")
def settings() -> Settings:
    found = microsoft.settings()
    half = operator(found)
    for action in half.plan().changes:
        half.carry_out(action)
    return found


def test_what_is_all_there(settings: Settings) -> None:
    found = asked(settings)
    assert [one for one in found.values() if not one.ok or "not checked" in one.said] == []
    assert set(found) == {
        "azure identity", "azure resource group", "azure storage account", "azure blob versions",
        "azure container apps", "azure key vault", "azure topics", "azure metrics",
    }  # fmt: skip


def test_only_the_ports_that_it_gives_are_looked_at(settings: Settings) -> None:
    names = asked(settings, ports=frozenset({"secrets"})).keys()
    assert set(names) == {"azure identity", "azure resource group", "azure key vault"}


@pytest.mark.parametrize(
    ("part", "change", "name", "said"),
    [
        ("", {"allowBlobPublicAccess": True}, "azure storage account", "may be public"),
        ("", {"allowSharedKeyAccess": True}, "azure storage account", "keys open it"),
        ("/blobServices/default", {"isVersioningEnabled": False}, "azure blob versions", "versioning is off"),
    ],
)
def test_what_is_wrong_is_said(settings: Settings, part: str, change: Any, name: str, said: str) -> None:
    _change(settings, STORAGE, f"{settings['account']}{part}", change)
    found = asked(settings)[name]
    assert (found.ok, found.hint) == (False, "toolkit bootstrap -t prod")
    assert said in found.said


def test_where_nothing_was_made() -> None:
    found = asked({**microsoft.settings(), "topics": [], "rule": ""})
    wrong = {name for name, one in found.items() if not one.ok}
    assert wrong == {
        "azure resource group", "azure storage account", "azure blob versions", "azure container apps",
        "azure topics", "azure metrics",
    }  # fmt: skip
    assert all("toolkit bootstrap" in found[name].hint for name in wrong)
    assert found["azure metrics"].said == "not set: rule"


def test_who_asks_is_read_from_the_token() -> None:
    body = base64.urlsafe_b64encode(json.dumps({"upn": "me@example.com", "tid": "t"}).encode()).decode().rstrip("=")
    assert doctor._whose(f"h.{body}.s") == "me@example.com in tenant t"
