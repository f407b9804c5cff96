"""What Azure takes as a name, asked of every name that we make."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.azure import names
from toolkit.adapters.azure.names import ROLES, Names

NAME = st.from_regex(r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}", fullmatch=True).filter(lambda name: len(name) <= 40)
FUNCTION = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
SUBSCRIPTION = st.uuids().map(str)
RULES = {
    "account": r"[a-z0-9]{3,24}",
    "vault": r"(?=.{3,24}$)[a-zA-Z](-?[a-zA-Z0-9]+)*",
    "registry": r"[a-zA-Z0-9]{5,50}",
    "topic": r"[A-Za-z0-9-]{3,50}",
    "workspace": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "environment": r"(?=.{2,32}$)[a-z][a-z0-9-]*[a-z0-9]",
    "rule": r"[A-Za-z0-9][A-Za-z0-9_.-]{2,63}",
}


@given(NAME, NAME, SUBSCRIPTION)
def test_every_name_is_one_that_azure_takes(project: str, target: str, subscription: str) -> None:
    called = Names.of(project, target, subscription)
    for attribute, rule in RULES.items():
        assert re.fullmatch(rule, getattr(called, attribute)), (attribute, getattr(called, attribute))
    for role in ROLES:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", called.identity(role))


@given(FUNCTION, SUBSCRIPTION)
def test_every_app_and_job(function: str, subscription: str) -> None:
    for name in (names.app(function), names.job(function), names.site(function, subscription)):
        assert re.fullmatch(r"(?=.{2,32}$)[a-z][a-z0-9-]*[a-z0-9]", name) or len(function) == 1, name


@given(st.lists(NAME, min_size=2, max_size=2, unique=True), NAME, SUBSCRIPTION)
def test_two_projects_share_no_name(projects: list[str], target: str, subscription: str) -> None:
    one, other = (Names.of(project, target, subscription) for project in projects)
    for attribute in RULES:
        assert getattr(one, attribute) != getattr(other, attribute) or one.stem == other.stem


def test_two_subscriptions_share_no_name_of_the_world() -> None:
    one, other = Names("p-t", "a"), Names("p-t", "b")
    assert one.account != other.account
    assert one.vault != other.vault
    assert one.topic == other.topic


@given(st.dictionaries(st.text(min_size=1, max_size=300), st.text(max_size=600), max_size=80))
def test_tags(given_tags: dict[str, str]) -> None:
    found = names.tags(given_tags)
    assert len(found) <= 50
    for key, value in found.items():
        assert len(key) <= 128
        assert not set(key) & set("<>%&\\?/")
        assert len(value) <= 256
