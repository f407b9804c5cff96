"""Publishing: bring $LATEST to what the spec says, see that it is so, and publish exactly what was seen.

AWS has one $LATEST for all who deploy. Each step names the revision that the step before has left, so that of two who
deploy at once the later one starts again instead of publishing a mixture. Whether a bundle is what it should be is told
by the reply to one's own upload alone: what is read afterwards may be another's.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from toolkit.adapters.aws.errors import code
from toolkit.adapters.aws.function_api import Api
from toolkit.adapters.aws.function_marks import OURS, Mark
from toolkit.domain.errors import AlreadyExists, Conflict, Corrupt, NotFound, PreconditionFailed, ToolkitError
from toolkit.domain.specs import FunctionSpec

ATTEMPTS = 8
APART_SECONDS = 0.1  # doubled for each attempt, so that two who deploy do not go on undoing each other's


class Publisher:
    """`key` gives the S3 key of a store key; `role` the ARN of the role of a function with these tags. `beside` makes
    what belongs to the function and has to be there before its first version: a run that dies after that version would
    find all done, and never make it."""

    def __init__(
        self,
        api: Api,
        bucket: str,
        key: Callable[[str], str],
        role: Callable[[dict[str, str]], str],
        beside: Callable[[], None],
    ) -> None:
        self._api = api
        self._bucket = bucket
        self._key = key
        self._role = role
        self._beside = beside

    def publish(self, spec: FunctionSpec) -> str:
        mark = Mark.of(spec)
        for attempt in range(ATTEMPTS):
            try:
                return self._published(spec, mark) or self._publish(spec, mark)
            except (PreconditionFailed, AlreadyExists):  # somebody else changed or made it meanwhile
                time.sleep(secrets.SystemRandom().uniform(0, APART_SECONDS * 2**attempt))
        raise Conflict(
            f"function {spec.name!r} is being changed by somebody else", hint="toolkit deploy, when they are done"
        )

    def _published(self, spec: FunctionSpec, mark: Mark) -> str:
        """The version that has this configuration already; "" if none has."""
        try:
            versions = self._api.versions(spec.name)
        except NotFound:
            return ""
        equal = [
            v["Version"] for v in versions if (m := Mark.read(v.get("Description", ""))) and m.digest == mark.digest
        ]
        if not equal:
            return ""
        self._tag(spec, self._api.function(spec.name))
        self._api.ready(spec.name, equal[-1])
        return str(equal[-1])

    def _publish(self, spec: FunctionSpec, mark: Mark) -> str:
        try:
            found = self._api.function(spec.name)
        except NotFound:
            self._create(spec, mark)
        else:
            self._tag(spec, found)
            self._update(spec, mark)
        config = self._api.ready(spec.name)
        _require(spec, config, mark.variables())
        self._beside()
        published = self._api.call(
            f"publish function {spec.name}", "publish_version",
            FunctionName=spec.name, CodeSha256=config["CodeSha256"], RevisionId=config["RevisionId"],
            Description=str(mark),
        )  # fmt: skip
        self._api.ready(spec.name, published["Version"])
        return str(published["Version"])

    def _create(self, spec: FunctionSpec, mark: Mark) -> None:
        try:
            self._with_bundle(
                spec, "create", "create_function", Code=self._source(spec), PackageType="Zip", Tags=spec.tags,
                Architectures=[spec.architecture], Publish=False, **self._configuration(spec, mark),
            )  # fmt: skip
        except ToolkitError as error:
            if code(error) == "ResourceConflictException":
                raise AlreadyExists(f"function {spec.name!r} exists already") from error.__cause__
            raise

    def _update(self, spec: FunctionSpec, mark: Mark) -> None:
        revision = self._api.ready(spec.name)["RevisionId"]
        self._with_bundle(
            spec, "update", "update_function_code", **self._source(spec), Architectures=[spec.architecture],
            RevisionId=revision,
        )  # fmt: skip
        uploaded = self._api.ready(spec.name)
        _require(spec, uploaded)
        self._api.call(
            f"update function {spec.name}", "update_function_configuration",
            RevisionId=uploaded["RevisionId"], **self._configuration(spec, mark),
        )  # fmt: skip

    def _with_bundle(self, spec: FunctionSpec, verb: str, operation: str, **given: Any) -> None:
        """Corrupt if the store holds another bundle under the spec's key."""
        try:
            reply = self._api.call(f"{verb} function {spec.name}", operation, **{"FunctionName": spec.name, **given})
        except ToolkitError as error:
            if "NoSuchKey" in error.message:
                missing = f"the bundle of function {spec.name!r} is not in the store ({spec.bundle_key})"
                raise NotFound(missing, hint="toolkit deploy") from error.__cause__
            raise
        if (found := _bundle(reply)) != spec.bundle:
            raise Corrupt(
                f"the bundle at {spec.bundle_key} is {found[:12]}, not {spec.bundle[:12]}", hint="toolkit deploy"
            )

    def _tag(self, spec: FunctionSpec, found: Any) -> None:
        """Tags of others stay."""
        if not spec.tags.items() <= found.get("Tags", {}).items():
            arn = found["Configuration"]["FunctionArn"]
            self._api.call(f"tag function {spec.name}", "tag_resource", Resource=arn, Tags=spec.tags)

    def _source(self, spec: FunctionSpec) -> dict[str, str]:
        return {"S3Bucket": self._bucket, "S3Key": self._key(spec.bundle_key)}

    def _configuration(self, spec: FunctionSpec, mark: Mark) -> dict[str, Any]:
        return {
            "FunctionName": spec.name,
            "Description": OURS,
            "Role": self._role(spec.tags),
            "Handler": spec.handler,
            "Runtime": spec.runtime,
            "MemorySize": spec.memory_mb,
            "Timeout": spec.timeout_seconds,
            "Environment": {"Variables": {**spec.environment, **mark.variables()}},
            "SnapStart": {"ApplyOn": "PublishedVersions" if spec.snapstart else "None"},
        }


def _require(spec: FunctionSpec, config: Any, variables: Mapping[str, str] = MappingProxyType({})) -> None:
    """PreconditionFailed for another's code or configuration: they have deployed since we did."""
    found = config.get("Environment", {}).get("Variables", {})
    if _bundle(config) != spec.bundle or not variables.items() <= found.items():
        raise PreconditionFailed(f"function {spec.name!r} was changed by somebody else")


def _bundle(config: Any) -> str:
    """SHA-256 of the code, in hex."""
    return base64.b64decode(config["CodeSha256"]).hex()
