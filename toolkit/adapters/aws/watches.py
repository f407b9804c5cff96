"""S3 notifications to a function's alias `live`.

A bucket has one notification configuration for everybody, replaced as a whole and without a condition: it is read, our
entries in it are changed, and it is written back as it was else. Two who change it at the same moment may undo each
other; the next deploy sees that and sets it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.function_api import ALIAS, Api
from toolkit.adapters.aws.identity import Identity
from toolkit.domain.errors import ConfigError, NotFound, ToolkitError
from toolkit.domain.newdata import WatchSpec
from toolkit.ports import Settings

KEY = "LambdaFunctionConfigurations"
EVENTS = ["s3:ObjectCreated:*"]


def open_watches(settings: Settings) -> S3Watches:
    region = settings["region"]
    return S3Watches(
        settings, client("s3", region, settings["endpoint"]), client("lambda", region, settings["services_endpoint"])
    )


class S3Watches:
    def __init__(self, settings: Settings, s3: Any, functions: Any) -> None:
        self._settings = settings
        self._s3 = s3
        self._api = Api(functions)
        self._bucket = settings["bucket"]
        self._mark = f"toolkit:{settings['stem']}:"  # what our entries' ids begin with
        self._base = f"{settings['prefix']}/" if settings["prefix"] else ""

    def put(self, spec: WatchSpec) -> None:
        if not spec.prefix:
            raise ConfigError("a watch of the whole store would be called by what the toolkit writes itself",
                              hint='data.source = "store:data/*.csv"')  # fmt: skip
        who = Identity.of(self._settings["region"], self._settings["services_endpoint"])
        arn = f"arn:{who.partition}:lambda:{self._api.region}:{who.account}:function:{spec.function}:{ALIAS}"
        self._allow(spec, who)
        entry = {
            "Id": f"{self._mark}{spec.name}",
            "LambdaFunctionArn": arn,
            "Events": EVENTS,
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": self._base + spec.prefix}]}},
        }
        self._write(spec.name, [entry])

    def list(self) -> Iterator[WatchSpec]:
        for entry in sorted(self._read().get(KEY, []), key=lambda one: str(one["Id"])):
            if entry["Id"].startswith(self._mark):
                rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
                under = next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
                yield WatchSpec(
                    name=entry["Id"].removeprefix(self._mark),
                    prefix=under.removeprefix(self._base),
                    function=entry["LambdaFunctionArn"].split(":function:")[1].partition(":")[0],
                )

    def delete(self, name: str) -> None:
        if any(spec.name == name for spec in self.list()):
            self._write(name, [])

    def _allow(self, spec: WatchSpec, who: Identity) -> None:
        """S3 calls only a function that lets it."""
        try:
            self._api.call(
                f"let S3 call {spec.function}", "add_permission",
                FunctionName=spec.function, Qualifier=ALIAS, StatementId=f"toolkit-{spec.name}"[:100],
                Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceAccount=who.account,
                SourceArn=f"arn:{who.partition}:s3:::{self._bucket}",
            )  # fmt: skip
        except NotFound as error:
            raise NotFound(f"function {spec.function!r} has no traffic yet", hint="toolkit deploy") from error.__cause__
        except ToolkitError as error:
            if code(error) != "ResourceConflictException":  # it is allowed already
                raise

    def _write(self, name: str, entries: Sequence[dict[str, Any]]) -> None:
        held = self._read()
        others = [entry for entry in held.get(KEY, []) if entry["Id"] != f"{self._mark}{name}"]
        with translated(f"set the notifications of s3://{self._bucket}", self._api.region, bucket=self._bucket):
            self._s3.put_bucket_notification_configuration(
                Bucket=self._bucket, NotificationConfiguration={**held, KEY: [*others, *entries]}
            )

    def _read(self) -> dict[str, Any]:
        with translated(f"read the notifications of s3://{self._bucket}", self._api.region, bucket=self._bucket):
            found = self._s3.get_bucket_notification_configuration(Bucket=self._bucket)
        return {key: value for key, value in found.items() if key != "ResponseMetadata"}
