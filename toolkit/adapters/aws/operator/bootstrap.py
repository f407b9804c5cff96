"""The operator's half by SDK: read everything, compare it with `things`, make what is missing.

Nothing is ever deleted, and a thing that carries another target's tags is not touched: its name is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from toolkit.adapters.aws import names, policies
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.operator import cloudformation, terraform
from toolkit.adapters.aws.operator.makers import makers
from toolkit.adapters.aws.operator.makers.computing import SecurityGroup
from toolkit.adapters.aws.operator.makers.making import Maker, Properties, named
from toolkit.adapters.aws.operator.makers.services import Subscription
from toolkit.adapters.aws.operator.things import Of, Place, Thing, things
from toolkit.adapters.aws.policies import Site
from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.domain.plan import Action, Plan
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

UNKNOWN = "(known once it is made)"


def open_operator(settings: Settings, tags: dict[str, str]) -> Operator:
    """`tags` say project and target."""
    return AwsOperator(settings, tags)


class AwsOperator:
    def __init__(self, settings: Settings, tags: dict[str, str]) -> None:
        self._settings, self._tags = settings, tags

    def plan(self) -> Plan:
        actions = tuple(self._actions())
        warnings = () if self._tls else ("the endpoint is plain HTTP: the bucket's TLS-only rule is left out",)
        return Plan(target=self._tags["target"], actions=actions, warnings=warnings)

    def carry_out(self, action: Action) -> None:
        thing = next(thing for thing in self._things if (thing.type, thing.name) == (action.kind, action.name))
        thing = self._resolved(thing)
        maker = self._makers[thing.type]
        seen = maker.read(thing)
        if seen is None:
            maker.create(thing)
        elif _differing(thing, seen):
            maker.update(thing, seen)

    def policies(self) -> dict[str, dict[str, Any]]:
        return {role: policies.document(statements) for role, statements in policies.roles(self._site).items()}

    def templates(self) -> dict[str, str]:
        """Need no account: what is known only there stays a placeholder."""
        known = {
            "project": self._tags["project"], "target": self._tags["target"], "stem": self._settings["stem"],
            "bucket": self._settings["bucket"], "prefix": self._settings["prefix"],
            "secrets": self._settings["secrets"], "namespace": self._settings["namespace"],
        }  # fmt: skip
        parameters = {("BucketName" if key == "bucket" else key.title()): value for key, value in known.items()}
        files = terraform.module(
            known, site=replace(terraform.PLACEHOLDERS, **self._beside), subscribers=self._subscribers
        )
        module = {f"terraform/{name}": text for name, text in files.items()}
        template = cloudformation.template(
            parameters, site=replace(cloudformation.PLACEHOLDERS, **self._beside), subscribers=self._subscribers
        )
        return {"template.yaml": template, **module}

    def next(self) -> tuple[str, ...]:
        topic = self._site.arn("sns", self._site.names.topic)
        lines = [f'topics = ["{topic}"] in [targets.{self._tags["target"]}.aws]']
        who = f"role_arn = {self._site.role('deployer')} in the AWS profile that deploys"
        hear = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint WHO"
        lines = [] if topic in self._settings["topics"] else lines
        heard = self._unconfirmed() if self._subscribers else [hear]
        return (*lines, *heard, who, "toolkit image push --kind job, then toolkit deploy")

    def _unconfirmed(self) -> list[str]:
        """What is asked of those who hear nothing yet, and of those of whom SNS does not know whether they can."""
        maker = self._makers["AWS::SNS::Subscription"]
        assert isinstance(maker, Subscription)
        asking = [self._resolved(thing) for thing in self._things if thing.asked]
        confirming = {"email", "https"}
        return [
            f"{thing.name}: {thing.asked}"
            for thing in asking
            if thing.properties["Protocol"] not in confirming or not maker.confirmed(thing)
        ]

    def _actions(self) -> Iterator[Action]:
        for thing in self._things:
            yield self._action(self._resolved(thing))

    def _action(self, thing: Thing) -> Action:
        seen = self._makers[thing.type].read(thing)
        differing = _differing(thing, seen) if seen is not None else ()
        if seen is not None:
            self._require_ours(thing, seen)
        verb, why = "create", f"there is none yet; {thing.asked}" if thing.asked else "there is none yet"
        if seen is not None:
            verb, why = ("update", f"differs: {', '.join(differing)}") if differing else ("keep", "as it should be")
        identity = digest.of_value([thing.type, thing.name, verb, _plain(thing.properties)])[:16]
        return Action(id=identity, kind=thing.type, name=thing.name, action=verb, why=why)  # type: ignore[arg-type]

    def _require_ours(self, thing: Thing, seen: Properties) -> None:
        tags = named(seen.get("Tags"))
        for key in ("project", "target"):
            if tags.get("managed-by") == "toolkit" and tags.get(key) != self._tags[key]:
                owner = f"project {tags.get('project')!r}, target {tags.get('target')!r}"
                raise PlanError(
                    f"{thing.type} {thing.name} belongs to {owner}",
                    hint='set another stem = "..." (and bucket) in the target\'s table, or rename the target',
                )

    @cached_property
    def _site(self) -> Site:
        settings = self._settings
        who = self._client("sts")
        with translated("find out which account this is", who.meta.region_name):
            arn = who.get_caller_identity()["Arn"]
        partition, account = arn.split(":")[1], arn.split(":")[4]
        bucket = settings["bucket"]
        if not bucket:
            name = names.bucket(settings["stem"], account, who.meta.region_name)
            raise ConfigError(
                f"no bucket is set for target {self._tags['target']}",
                hint=f'bucket = "{name}" in [targets.{self._tags["target"]}.aws]',
            )
        return Site(
            stem=settings["stem"], bucket=bucket, prefix=settings["prefix"], secrets=settings["secrets"],
            namespace=settings["namespace"], account=account, region=who.meta.region_name, partition=partition,
            **self._beside,
        )  # fmt: skip

    @property
    def _beside(self) -> dict[str, Any]:
        """What of a site the settings name beside what is made here."""
        settings = self._settings
        return {
            "queues": tuple(settings[key] for key in ("queue", "ec2_queue", "spot_queue") if settings[key]),
            "topics": tuple(settings["topics"]),
            "parameters": bool(settings["parameters"]),
        }

    @property
    def _subscribers(self) -> tuple[str, ...]:
        return tuple(self._settings["subscribers"])

    @property
    def _tls(self) -> bool:
        return not self._settings["endpoint"].startswith("http://")

    @cached_property
    def _things(self) -> tuple[Thing, ...]:
        vpc, subnets = self._network()
        place = Place(self._tags["project"], self._tags["target"], vpc, subnets, self._subscribers)
        return things(self._site, place, tls=self._tls)

    def _network(self) -> tuple[str, list[str]]:
        """(VPC, its subnets): those of the settings, else the account's default ones."""
        ec2, asked = self._client("ec2"), self._settings["subnets"]
        filters = {"SubnetIds": asked} if asked else {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}
        with translated("look for the network of the jobs", ec2.meta.region_name):
            seen = ec2.describe_subnets(**filters)["Subnets"]
        vpcs = {subnet["VpcId"] for subnet in seen}
        if len(vpcs) != 1:
            said = "there is no default VPC" if not vpcs else f"the subnets are of {len(vpcs)} VPCs"
            raise ConfigError(f"{said}: where should jobs run?", hint='subnets = ["subnet-..."] in the target\'s table')
        return vpcs.pop(), sorted(subnet["SubnetId"] for subnet in seen)

    def _resolved(self, thing: Thing) -> Thing:
        return replace(thing, properties=self._value(thing.properties))

    def _value(self, value: Any) -> Any:
        if isinstance(value, Of):
            return self._attribute(value)
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in value.items()}
        return [self._value(item) for item in value] if isinstance(value, list) else value

    def _attribute(self, of: Of) -> str:
        thing = next(thing for thing in self._things if thing.id == of.thing)
        if of == Of("JobSecurityGroup", "Id"):
            groups = self._makers[thing.type]
            assert isinstance(groups, SecurityGroup)
            return groups.id(thing.name, thing.properties["VpcId"]) or UNKNOWN
        if of == Of("ComputeEnvironment", "Arn"):
            return self._site.arn("batch", f"compute-environment/{thing.name}")
        if of == Of("AlertTopic", "Arn"):
            return self._site.arn("sns", thing.name)
        return thing.name

    @cached_property
    def _makers(self) -> dict[str, Maker]:
        return makers(self._client, self._site.arn)

    def _client(self, service: str) -> Any:
        endpoint = self._settings["endpoint" if service == "s3" else "services_endpoint"]
        return client(service, self._settings["region"], endpoint)


def _differing(thing: Thing, seen: Properties) -> tuple[str, ...]:
    """Names of the properties that are not as they should be; tags beyond ours are other people's business."""

    def same(name: str) -> bool:
        if name == "Tags":
            return named(thing.properties[name]).items() <= named(seen.get(name)).items()
        return bool(seen.get(name) == thing.properties[name])

    return tuple(name for name in thing.properties if not same(name))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
