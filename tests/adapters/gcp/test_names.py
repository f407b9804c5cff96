"""Names and labels of a target fit Google's limits, whatever the project and the target are called."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.gcp.grants import POWERS
from toolkit.adapters.gcp.names import ROLES, SERVICE, TAG, Names, job, labels, service, tag
from toolkit.domain.names import stem

NAME = st.from_regex(r"(goog|gcp-)?[a-z]([a-z0-9]|-(?=[a-z0-9])){0,35}", fullmatch=True)
LONG = st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,62}", fullmatch=True)
TAGS = st.dictionaries(st.text(min_size=1, max_size=80), st.text(max_size=80), max_size=70)


@given(NAME, NAME)
def test_what_an_operator_makes(project: str, target: str) -> None:
    own = Names.of(project, target)
    accounts = {own.account(role, "my-project") for role in ROLES}
    assert len(accounts) == len(ROLES)
    for account in accounts:
        assert re.fullmatch(r"[a-z]([a-z0-9-]{4,28}[a-z0-9])@my-project\.iam\.gserviceaccount\.com", account)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", own.repository)
    assert re.fullmatch(r"(?!gcp-)[a-z][a-z0-9-]{2,30}[a-z0-9]", own.pool)
    for topic in (own.topic, own.data_topic):
        assert re.fullmatch(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}", topic)
    assert re.fullmatch(r"[A-Za-z0-9-]{1,100}", own.queue)
    for power in POWERS:
        assert re.fullmatch(r"[A-Za-z0-9_.]{3,64}", own.power(power))


@given(NAME, NAME, LONG)
def test_what_a_deploy_makes(project: str, target: str, name: str) -> None:
    own = Names.of(project, target)
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", service(name))
    assert len(service(name)) + TAG <= 46
    assert len(service(name)) <= SERVICE
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", job(name))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", own.schedule(name))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", own.secret(name))
    assert re.fullmatch(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}", own.watch(name))
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,45}[a-z0-9])?", f"{tag(99_999)}")


@given(NAME, NAME, NAME, NAME)
def test_two_targets_share_no_name(project: str, target: str, other: str, another: str) -> None:
    if stem(project, target) == stem(other, another):
        return
    one, two = Names.of(project, target), Names.of(other, another)
    assert {one.account(role, "p") for role in ROLES}.isdisjoint({two.account(role, "p") for role in ROLES})
    assert {one.power(power) for power in POWERS}.isdisjoint({two.power(power) for power in POWERS})
    assert one.topic != two.topic
    assert one.repository != two.repository


@given(TAGS)
def test_labels_are_googles(tags: dict[str, str]) -> None:
    found = labels(tags)
    assert len(found) <= 60
    for key, value in found.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)


@given(NAME, NAME)
def test_labels_that_find_a_targets_things_are_exact(project: str, target: str) -> None:
    """`destroy` and `bootstrap` know a thing by them."""
    tags = {"managed-by": "toolkit", "project": project, "target": target}
    assert labels(tags) == tags
