"""Whom the operator's topic tells: made once by bootstrap, and by the templates that are written for the target."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.operator.bootstrap import open_operator
from toolkit.adapters.aws.operator.makers.making import Maker
from toolkit.adapters.aws.operator.makers.services import Subscription
from toolkit.adapters.aws.operator.things import Thing
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

_FITS: type[Maker] = Subscription
KIND = "AWS::SNS::Subscription"
MAIL, HOOK = "ml@example.com", "https://hooks.example.com/alerts?team=ml"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:alerts"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:alerts"
ALL = [MAIL, HOOK, QUEUE, FUNCTION]


def of(settings: Settings) -> Operator:
    return open_operator(settings, {"managed-by": "toolkit", "project": "flights", "target": "prod"})


def fresh(*subscribers: str) -> Settings:
    found = cloud.settings(subscribers=list(subscribers))
    return {**found, "bucket": f"b-{found['stem']}"}


def make(settings: Settings) -> list[str]:
    """What there was to make."""
    operator = of(settings)
    actions = operator.plan().changes
    for action in actions:
        operator.carry_out(action)
        operator.carry_out(action)
    return [action.name for action in actions if action.kind == KIND]


def told(settings: Settings) -> dict[str, str]:
    """Whom the topic tells, and how."""
    sns = client("sns", cloud.REGION, settings["services_endpoint"])
    topic = f"arn:aws:sns:{cloud.REGION}:123456789012:{Names(settings['stem']).topic}"
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert len(found) == len({one["Endpoint"] for one in found})
    return {one["Endpoint"]: one["Protocol"] for one in found}


def test_each_is_planned_made_once_and_then_there() -> None:
    settings = fresh(*ALL)
    planned = {action.name: action for action in of(settings).plan().changes if action.kind == KIND}
    assert list(planned) == ALL
    assert "has to confirm, by the link in the e-mail" in planned[MAIL].why
    assert make(settings) == ALL
    assert told(settings) == {MAIL: "email", HOOK: "https", QUEUE: "sqs", FUNCTION: "lambda"}
    assert of(settings).plan().changes == ()
    assert make({**settings, "subscribers": [*reversed(ALL), "two@example.com"]}) == ["two@example.com"]


def test_nobody_is_unsubscribed_by_a_shorter_list() -> None:
    settings = fresh(MAIL, QUEUE)
    make(settings)
    shorter = {**settings, "subscribers": [QUEUE]}
    assert make(shorter) == []
    assert set(told(settings)) == {MAIL, QUEUE}


def test_who_has_to_do_something_is_said_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fresh(MAIL, QUEUE)
    asked = of(settings).next()
    assert [line for line in asked if line.startswith(f"{MAIL}: whoever reads it has to confirm")]
    assert [line for line in asked if line.startswith(f"{QUEUE}: the queue's own policy")]
    assert not [line for line in asked if line.startswith("aws sns subscribe")]
    make(settings)  # moto confirms by itself; SNS says for two days that it waits
    assert not [line for line in of(settings).next() if line.startswith(MAIL)]
    seen = Subscription._seen

    def pending(self: Subscription, thing: Thing) -> Any:
        found = seen(self, thing)
        return {**found, "SubscriptionArn": "PendingConfirmation"} if found else None

    monkeypatch.setattr(Subscription, "_seen", pending)
    assert [line for line in of(settings).next() if line.startswith(MAIL)]
    assert of(settings).plan().changes == ()


def test_the_target_s_templates_subscribe_them_too() -> None:
    files = of({**fresh(*ALL), "parameters": ["user"]}).templates()
    template, module = files["template.yaml"], files["terraform/main.tf"]
    for endpoint in ALL:
        assert f'Endpoint: "{endpoint}"' in template
        assert f'"{endpoint}"' in module
    assert template.count(f'Type: "{KIND}"') == template.count("TopicArn: !Ref AlertTopic") == len(ALL)
    assert module.count('resource "aws_sns_topic_subscription"') == len(ALL)
    assert "aws_sns_topic.alert_topic.arn" in module
    for text in (template, module):
        assert "ssm:GetParameters" in text
    without = of(fresh()).templates()
    assert not [text for text in without.values() if "Subscri" in text or "ssm:" in text]


@pytest.mark.slow
def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    written = tmp_path / "template.yaml"
    written.write_text(of({**fresh(*ALL), "parameters": ["user"]}).templates()["template.yaml"])
    done = subprocess.run([Path(sys.executable).parent / "cfn-lint", written], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
