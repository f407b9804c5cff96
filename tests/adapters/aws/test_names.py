import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.aws.names import ROLES, Names, bucket
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.domain import names
from toolkit.lifecycle import naming

PARTS = st.lists(st.text("abz09", min_size=1, max_size=12), min_size=1, max_size=4)
NAME = PARTS.map(lambda parts: ("n" + "-".join(parts))[:40].rstrip("-"))
FUNCTION_ROLES = st.sampled_from(["inference", "drift-check", "drift"])


@given(NAME, NAME)
def test_every_name_fits_and_begins_with_the_stem(project: str, target: str) -> None:
    own = Names.of(project, target)
    assert len(own.stem) <= 32
    limits = {own.queue: 128, own.repository: 256, own.topic: 256, own.undelivered: 80, own.schedule_group: 64}
    limits |= {own.role(role): 64 for role in ROLES} | {own.job_definition: 60, own.security_group: 255}
    for name, limit in limits.items():
        assert len(name) <= limit
        assert name.startswith(own.stem)
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert len({own.role(role) for role in ROLES}) == len(ROLES)


@given(NAME, NAME, NAME, FUNCTION_ROLES)
def test_every_function_of_a_target_begins_with_its_stem(project: str, target: str, model: str, role: str) -> None:
    ctx: Any = SimpleNamespace(project=SimpleNamespace(name=project, model_name=model), target=target)
    name = naming.function_name(ctx, role)
    assert name.startswith(Names.of(project, target).functions)
    assert len(name) <= 46


@given(NAME, NAME, st.sampled_from(["eu-west-1", "us-gov-west-1", "ap-southeast-2"]))
def test_a_bucket_that_nobody_named_has_a_valid_name(project: str, target: str, region: str) -> None:
    name = bucket(names.stem(project, target), "123456789012", region)
    assert AwsSettings(bucket=name, secrets="a", namespace="a").bucket == name


@given(NAME, NAME)
def test_the_settings_hold_the_stem(project: str, target: str) -> None:
    found = AwsSettings.model_validate({}, context={"project": project, "target": target})
    assert found.stem == names.stem(project, target)


def test_two_long_names_stay_apart() -> None:
    first, second = Names.of("a" * 40, "b" * 39 + "c"), Names.of("a" * 40, "b" * 40)
    assert first.stem != second.stem


def test_an_unknown_role_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no such role"):
        Names("stem").role("admin")


def test_tags_choose_the_role() -> None:
    own = Names("flights-prod")
    assert own.function_role({"role": "drift-check"}) == "flights-prod-drift-check"
    assert own.function_role({"role": "inference"}) == own.function_role({}) == "flights-prod-inference"
    assert own.job_role({"step": "retrain"}) == "flights-prod-retrain"
    assert own.job_role({"step": "fit"}) == own.job_role({}) == "flights-prod-job"
