"""What the suite cannot know of functions on AWS: roles that are late, two who deploy at once, whose URL is open."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.adapters.aws import cloud
from tests.support import HERE
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.emulator.functions.state import page
from toolkit.adapters.aws.function_api import Api
from toolkit.adapters.aws.function_marks import Mark
from toolkit.adapters.aws.functions import LambdaFunctions, open_functions
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.store import open_store
from toolkit.domain.errors import ConfigError, Corrupt, NotFound, StorageFull, Unavailable, Unsupported
from toolkit.domain.specs import HttpRequest
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Applied, Proxy, first
from toolkit.testing.functions import Deploy, answers, bundle_into, visit
from toolkit.testing.store import at_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings() -> Settings:
    return cloud.prepared()


@pytest.fixture
def functions(settings: Settings) -> LambdaFunctions:
    return open_functions(settings)


@pytest.fixture
def deploy(settings: Settings, functions: LambdaFunctions) -> Iterator[Deploy]:
    deploy = Deploy(functions, bundle_into(open_store(settings)), runtime=HERE)
    yield deploy
    deploy.delete()


def through(settings: Settings, address: str) -> LambdaFunctions:
    """All of it over another address."""
    services = [client(name, cloud.REGION, address) for name in ("lambda", "logs")]
    calls = client("lambda", cloud.REGION, address, retries=False)
    return LambdaFunctions(settings, changes=services[0], calls=calls, logs=services[1])


def test_a_role_that_nobody_knows_yet_is_waited_for_and_then_told(settings: Settings, deploy: Deploy) -> None:
    missing = {**settings, "roles": {"inference": "arn:aws:iam::123456789012:role/late"}}
    late = open_functions(missing)
    late._api._role_seconds = 0.2
    with pytest.raises(ConfigError, match="role/late") as refused:
        late.publish(deploy.spec(answers("a")))
    assert "toolkit bootstrap" in refused.value.hint
    iam = client("iam", cloud.REGION, settings["services_endpoint"])
    late._api._role_seconds = 20.0
    trust = iam.get_role(RoleName=Names(settings["stem"]).role("inference"))["Role"]["AssumeRolePolicyDocument"]

    def made_late() -> str:
        iam.create_role(RoleName="late", AssumeRolePolicyDocument=json.dumps(trust))
        return "made"

    published = lambda: late.publish(deploy.spec(answers("a")))  # noqa: E731
    assert set(map(str, at_once(published, made_late))) == {"1", "made"}


def test_of_two_who_deploy_at_once_each_gets_its_own_version(functions: LambdaFunctions, deploy: Deploy) -> None:
    specs = [deploy.spec(answers(word), environment={"WORD": word}) for word in ("one", "two", "three")]
    versions = at_once(*[lambda spec=spec: functions.publish(spec) for spec in specs])
    assert len({*map(str, versions)}) == 3
    for word, version in zip(("one", "two", "three"), map(str, versions), strict=True):
        answered = functions.request(specs[0].name, HttpRequest(), version=version)
        assert answered.body == word.encode()


@pytest.mark.parametrize("after", ["UpdateFunctionCode", "UpdateFunctionConfiguration"])
def test_what_another_deploys_in_between_is_neither_corrupt_nor_mixed_with_ours(
    functions: LambdaFunctions, settings: Settings, deploy: Deploy, after: str
) -> None:
    first, ours, theirs = (deploy.spec(answers(word), environment={"WORD": word}) for word in ("one", "two", "three"))
    functions.publish(first)
    events, event, versions = functions._api.service.meta.events, f"after-call.lambda.{after}", []

    def meanwhile(**_: object) -> None:
        events.unregister(event, meanwhile)
        versions.append(open_functions(settings).publish(theirs))

    events.register(event, meanwhile)
    versions.append(functions.publish(ours))
    assert versions == ["2", "3"]
    for version, word in zip(versions, (b"three", b"two"), strict=True):
        assert functions.request(ours.name, HttpRequest(), version=version).body == word


def test_the_same_at_once_is_one_version(functions: LambdaFunctions, deploy: Deploy) -> None:
    spec = deploy.spec(answers("a"))
    assert {*map(str, at_once(*[lambda: functions.publish(spec)] * 3))} == {"1"}


@pytest.mark.parametrize("part", ["/functions", "/code", "/configuration", "/versions", "/aliases"])
def test_a_lost_reply_leaves_one_version_and_the_route(settings: Settings, deploy: Deploy, part: str) -> None:
    """boto3 asks again by itself; what it then meets is its own work."""
    before = deploy.spec(answers("before"))
    open_functions(settings).publish(before)
    spec = deploy.spec(answers("after"), environment={"WORD": "after"})
    with Proxy(settings["services_endpoint"], first(Applied(), method="P", part=part)) as proxy:
        functions = through(settings, proxy.address)
        version = functions.publish(spec)
        functions.route(spec.name, {version: 1.0})
        assert functions.publish(spec) == version
    state = open_functions(settings).observe(spec.name)
    assert len({*state.spec_digests.values()}) == len(state.versions) == 2
    assert state.weights == {version: 1.0}


def test_who_may_call_moves_with_the_traffic(functions: LambdaFunctions, deploy: Deploy) -> None:
    public = functions.publish(deploy.spec(answers("open"), auth="public", concurrency=3))
    private = functions.publish(deploy.spec(answers("closed"), concurrency=2))
    name = deploy.name()
    url = functions.route(name, {public: 1.0}).url
    assert visit(url, {}) == 200
    assert functions._api.function(name)["Concurrency"]["ReservedConcurrentExecutions"] == 3
    assert functions.route(name, {private: 1.0}).url == url
    assert visit(url, {}) == 403
    assert functions._api.function(name)["Concurrency"]["ReservedConcurrentExecutions"] == 2
    functions.route(name, {public: 1.0})
    assert visit(url, {}) == 200


def test_a_third_version_gets_no_share(functions: LambdaFunctions, deploy: Deploy) -> None:
    versions = [functions.publish(deploy.spec(answers(word))) for word in ("a", "b", "c")]
    functions.route(deploy.name(), {versions[0]: 0.9, versions[1]: 0.1})
    assert functions.observe(deploy.name()).weights == {versions[0]: 0.9, versions[1]: 0.1}
    with pytest.raises(Unsupported, match="2 versions at most"):
        functions.route(deploy.name(), dict.fromkeys(versions, 1 / 3))


def test_a_bundle_that_is_another_is_corrupt(settings: Settings, functions: LambdaFunctions, deploy: Deploy) -> None:
    spec = deploy.spec(answers("a"))
    other = deploy.spec(answers("b"))
    open_store(settings).put(spec.bundle_key, open_store(settings).get(other.bundle_key).data)
    with pytest.raises(Corrupt, match="not"):
        functions.publish(spec)
    with pytest.raises(NotFound):
        functions.route(spec.name, {"1": 1.0})


def test_an_account_without_concurrency_left_is_told_how_to_ask_for_more(
    functions: LambdaFunctions, deploy: Deploy
) -> None:
    version = functions.publish(deploy.spec(answers("a"), concurrency=950))
    with pytest.raises(StorageFull, match="950") as refused:
        functions.route(deploy.name(), {version: 1.0})
    assert "service-quotas" in refused.value.hint


def test_the_log_group_has_a_retention_and_tags(settings: Settings, deploy: Deploy) -> None:
    name = deploy(answers("a"))
    logs = client("logs", cloud.REGION, settings["services_endpoint"])
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert group["retentionInDays"] == 90
    assert (
        logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"].items()
        >= {"case": deploy.case}.items()
    )


def test_more_functions_than_a_page() -> None:
    items = [str(n) for n in range(120)]
    found, marker = page(items, "", 50)
    while marker:
        more, marker = page(items, marker, 50)
        found += more
    assert found == items


def test_a_function_that_is_not_reached_is_unavailable(settings: Settings) -> None:
    nowhere = Api(client("lambda", cloud.REGION, "http://127.0.0.1:9", retries=False))
    with pytest.raises(Unavailable, match="function f"):
        nowhere.function("f")


def test_a_mark_is_read_back_and_others_are_not_ours(deploy: Deploy) -> None:
    mark = Mark.of(deploy.spec(answers("a"), auth="public", concurrency=7))
    assert Mark.read(str(mark)) == mark
    assert len(str(mark)) <= 256
    assert Mark.read("deployed by hand") is None
