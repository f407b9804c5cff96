"""Repository, topic, its subscriptions, queue, schedule group and log groups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.operator.makers.making import Client, Properties, found, listed, named
from toolkit.adapters.aws.operator.things import Thing
from toolkit.domain.errors import AlreadyExists


class Repository:
    def __init__(self, client: Client) -> None:
        self._ecr = client("ecr")

    def read(self, thing: Thing) -> Properties | None:
        reply = found(
            f"look at repository {thing.name}",
            lambda: self._ecr.describe_repositories(repositoryNames=[thing.name]),
            ("RepositoryNotFoundException",),
        )
        if reply is None:
            return None
        (seen,) = reply["repositories"]
        with translated(f"read the tags of repository {thing.name}"):
            tags = self._ecr.list_tags_for_resource(resourceArn=seen["repositoryArn"])["tags"]
        return {
            "RepositoryName": seen["repositoryName"],
            "ImageScanningConfiguration": {"ScanOnPush": seen["imageScanningConfiguration"]["scanOnPush"]},
            "ImageTagMutability": seen["imageTagMutability"],
            "Tags": tags,
        }

    def create(self, thing: Thing) -> None:
        wanted = thing.properties
        with translated(f"make repository {thing.name}"):
            self._ecr.create_repository(
                repositoryName=thing.name,
                imageTagMutability=wanted["ImageTagMutability"],
                imageScanningConfiguration={"scanOnPush": wanted["ImageScanningConfiguration"]["ScanOnPush"]},
                tags=wanted["Tags"],
            )

    def update(self, thing: Thing, found: Properties) -> None:
        wanted = thing.properties
        scan = {"scanOnPush": wanted["ImageScanningConfiguration"]["ScanOnPush"]}
        with translated(f"change repository {thing.name}"):
            self._ecr.put_image_tag_mutability(
                repositoryName=thing.name, imageTagMutability=wanted["ImageTagMutability"]
            )
            self._ecr.put_image_scanning_configuration(repositoryName=thing.name, imageScanningConfiguration=scan)
            (seen,) = self._ecr.describe_repositories(repositoryNames=[thing.name])["repositories"]
            self._ecr.tag_resource(resourceArn=seen["repositoryArn"], tags=wanted["Tags"])


class Topic:
    def __init__(self, client: Client, arn: Callable[[str, str], str]) -> None:
        self._sns, self._arn = client("sns"), arn

    def read(self, thing: Thing) -> Properties | None:
        arn = self._arn("sns", thing.name)
        what = f"look at topic {thing.name}"
        reply = found(what, lambda: self._sns.get_topic_attributes(TopicArn=arn), ("NotFound", "NotFoundException"))
        if reply is None:
            return None
        with translated(what):
            tags = self._sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
        key = reply["Attributes"].get("KmsMasterKeyId", "")
        return {"TopicName": thing.name, "KmsMasterKeyId": key, "Tags": tags}

    def create(self, thing: Thing) -> None:
        wanted = thing.properties
        with translated(f"make topic {thing.name}"):
            self._sns.create_topic(
                Name=thing.name, Tags=wanted["Tags"], Attributes={"KmsMasterKeyId": wanted["KmsMasterKeyId"]}
            )

    def update(self, thing: Thing, found: Properties) -> None:
        arn, wanted = self._arn("sns", thing.name), thing.properties
        with translated(f"change topic {thing.name}"):
            self._sns.set_topic_attributes(
                TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=wanted["KmsMasterKeyId"]
            )
            self._sns.tag_resource(ResourceArn=arn, Tags=wanted["Tags"])


class Subscription:
    """Whom a topic tells. One that nobody has confirmed yet is there: SNS asks once, and forgets it after two days."""

    GONE = "Deleted"

    def __init__(self, client: Client) -> None:
        self._sns = client("sns")

    def read(self, thing: Thing) -> Properties | None:
        seen = self._seen(thing)
        return {name: seen[name] for name in ("TopicArn", "Protocol", "Endpoint")} if seen else None

    def create(self, thing: Thing) -> None:
        with translated(f"subscribe {thing.name}"):
            self._sns.subscribe(**thing.properties)

    def update(self, thing: Thing, found: Properties) -> None:
        """Nothing of it can be another: it would be another subscription."""

    def confirmed(self, thing: Thing) -> bool:
        seen = self._seen(thing)
        return seen is not None and seen["SubscriptionArn"].startswith("arn:")

    def _seen(self, thing: Thing) -> Properties | None:
        wanted = thing.properties

        def look() -> list[Properties]:
            pages = self._sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=wanted["TopicArn"])
            return [one for page in pages for one in page["Subscriptions"]]

        every = found(f"look at the subscriptions of {wanted['TopicArn']}", look, ("NotFound", "NotFoundException"))
        return next(
            (
                one
                for one in every or ()
                if (one["Protocol"], one["Endpoint"]) == (wanted["Protocol"], wanted["Endpoint"])
                and one["SubscriptionArn"] != self.GONE
            ),
            None,
        )


class Queue:
    ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")

    def __init__(self, client: Client) -> None:
        self._sqs = client("sqs")

    def read(self, thing: Thing) -> Properties | None:
        what = f"look at queue {thing.name}"
        reply = found(what, lambda: self._sqs.get_queue_url(QueueName=thing.name), self.ABSENT)
        if reply is None:
            return None
        with translated(what):
            asked = ["MessageRetentionPeriod", "SqsManagedSseEnabled"]
            seen = self._sqs.get_queue_attributes(QueueUrl=reply["QueueUrl"], AttributeNames=["All"])["Attributes"]
            tags = self._sqs.list_queue_tags(QueueUrl=reply["QueueUrl"]).get("Tags", {})
        kept, encrypted = (seen.get(name, "") for name in asked)
        return {
            "QueueName": thing.name,
            "MessageRetentionPeriod": int(kept or 0),
            "SqsManagedSseEnabled": encrypted.lower() == "true",
            "Tags": listed(tags),
        }

    def create(self, thing: Thing) -> None:
        with translated(f"make queue {thing.name}"):
            self._sqs.create_queue(
                QueueName=thing.name, Attributes=self._words(thing), tags=named(thing.properties["Tags"])
            )

    def update(self, thing: Thing, found: Properties) -> None:
        with translated(f"change queue {thing.name}"):
            url = self._sqs.get_queue_url(QueueName=thing.name)["QueueUrl"]
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=self._words(thing))
            self._sqs.tag_queue(QueueUrl=url, Tags=named(thing.properties["Tags"]))

    def _words(self, thing: Thing) -> dict[str, str]:
        names = ("MessageRetentionPeriod", "SqsManagedSseEnabled")
        return {name: str(thing.properties[name]).lower() for name in names}


class ScheduleGroup:
    def __init__(self, client: Client) -> None:
        self._scheduler = client("scheduler")

    def read(self, thing: Thing) -> Properties | None:
        what = f"look at schedule group {thing.name}"
        reply = found(what, lambda: self._scheduler.get_schedule_group(Name=thing.name))
        if reply is None:
            return None
        with translated(what):
            tags = self._scheduler.list_tags_for_resource(ResourceArn=reply["Arn"])["Tags"]
        return {"Name": thing.name, "Tags": tags}

    def create(self, thing: Thing) -> None:
        with translated(f"make schedule group {thing.name}"):
            self._scheduler.create_schedule_group(Name=thing.name, Tags=thing.properties["Tags"])

    def update(self, thing: Thing, found: Properties) -> None:
        with translated(f"tag schedule group {thing.name}"):
            arn = self._scheduler.get_schedule_group(Name=thing.name)["Arn"]
            self._scheduler.tag_resource(ResourceArn=arn, Tags=thing.properties["Tags"])


class LogGroup:
    def __init__(self, client: Client, arn: Callable[[str, str], str]) -> None:
        self._logs, self._arn = client("logs"), arn

    def read(self, thing: Thing) -> Properties | None:
        what = f"look at log group {thing.name}"
        with translated(what):
            groups = self._logs.describe_log_groups(logGroupNamePrefix=thing.name)["logGroups"]
        seen = next((group for group in groups if group["logGroupName"] == thing.name), None)
        if seen is None:
            return None
        with translated(what):
            tags = self._logs.list_tags_for_resource(resourceArn=self._own(thing))["tags"]
        return {"LogGroupName": thing.name, "RetentionInDays": seen.get("retentionInDays", 0), "Tags": listed(tags)}

    def create(self, thing: Thing) -> None:
        with suppress(AlreadyExists), translated(f"make log group {thing.name}"):
            self._logs.create_log_group(logGroupName=thing.name, tags=named(thing.properties["Tags"]))
        self._keep(thing)

    def update(self, thing: Thing, found: Properties) -> None:
        self._keep(thing)
        with translated(f"tag log group {thing.name}"):
            self._logs.tag_resource(resourceArn=self._own(thing), tags=named(thing.properties["Tags"]))

    def _keep(self, thing: Thing) -> None:
        with translated(f"set the retention of log group {thing.name}"):
            self._logs.put_retention_policy(
                logGroupName=thing.name, retentionInDays=thing.properties["RetentionInDays"]
            )

    def _own(self, thing: Thing) -> str:
        return self._arn("logs", f"log-group:{thing.name}")
