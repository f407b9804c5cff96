"""Lambda's control plane: one method an operation, named as in AWS's API; each takes the input and gives the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.aliases import Aliases
from toolkit.adapters.aws.emulator.functions.code import Code, interpreter, invalid
from toolkit.adapters.aws.emulator.functions.grants import Grants
from toolkit.adapters.aws.emulator.functions.state import (
    LATEST,
    Function,
    Functions,
    Version,
    conflict,
    page,
    require_revision,
    routed,
    split,
)
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.operations import Refused
from toolkit.adapters.aws.emulator.wire import Reply

ENVIRONMENT_BYTES = 4096
MEMORY_MB = 10_240
TIMEOUT_SECONDS = 900
_RESERVED_VARIABLES = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_DEFAULT_REGION|AWS_REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_\w+"
    r"|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR"
)
_SETTABLE = ("Handler", "Role", "Runtime", "Timeout", "MemorySize", "Description", "TracingConfig", "LoggingConfig")
_Input = dict[str, Any]


class Control:
    """`gone(function)` is told of functions and versions that are removed or changed."""

    def __init__(
        self, moto: Moto, home: Home, functions: Functions, code: Code, gone: Callable[[Function], None]
    ) -> None:
        self._moto = moto
        self._home = home
        self._functions = functions
        self._code = code
        self._gone = gone
        self._parts = (self, Aliases(home, functions), Grants(home, functions))

    def __call__(self, operation: str, region: str, given: _Input) -> Reply:
        """Refused for what it refuses, and (501) for what this emulator does not know."""
        name = "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        method = next((getattr(part, name) for part in self._parts if hasattr(part, name)), None)
        if method is None:
            raise Refused(501, "NotImplemented", f"the emulator has no {operation}")
        code = self._code.take(given.get("Code") or given) if operation in _WITH_CODE else None
        with self._functions.lock:
            reply: Reply = method(region, given, code) if code else method(region, given)
            return reply

    # functions

    def _create_function(self, region: str, given: _Input, code: tuple[Path, str, int]) -> Reply:
        name = split(given["FunctionName"])[0]
        if len(name) > 64:
            raise Refused(400, "ValidationException", f"function name {name!r} is longer than 64 characters")
        for key in ("Runtime", "Handler"):
            if not given.get(key):
                raise invalid(f"{key} is mandatory for functions created with deployment packages")
        self._check(given)
        if self._functions.has(region, name):
            raise conflict(f"Function already exist: {name}")
        arn = f"arn:aws:lambda:{region}:{self._home.account}:function:{name}"
        config: _Input = {
            "FunctionName": name, "FunctionArn": arn, "Version": LATEST, "PackageType": "Zip",
            "MemorySize": 128, "Timeout": 3, "Description": "", "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512}, "Architectures": ["x86_64"],
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        }  # fmt: skip
        function = Function(name, arn, region, Version(config, code[0]), dict(given.get("Tags") or {}))
        self._configure(function.latest, given)
        self._set_code(function.latest, given, code)
        function.latest.touch(created=True)
        self._functions.add(function)
        if given.get("Publish"):
            return self._publish_version(region, {"FunctionName": name})
        return Reply.of(function.latest.wire(), 201)

    def _get_function(self, region: str, given: _Input) -> Reply:
        function, version = self._version(region, given)
        told: _Input = {"Configuration": self._qualified(function, version, given), "Tags": function.tags,
                        "Code": {"RepositoryType": "S3", "Location": f"file://{version.code}"}}  # fmt: skip
        if function.reserved is not None:
            told["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return Reply.of(told)

    def _get_function_configuration(self, region: str, given: _Input) -> Reply:
        function, version = self._version(region, given)
        return Reply.of(self._qualified(function, version, given))

    def _update_function_code(self, region: str, given: _Input, code: tuple[Path, str, int]) -> Reply:
        function = self._changeable(region, given)
        if not given.get("DryRun"):
            self._set_code(function.latest, given, code)
            function.latest.touch()
            self._gone(function)
        return Reply.of(function.latest.wire())

    def _update_function_configuration(self, region: str, given: _Input) -> Reply:
        function = self._changeable(region, given)
        self._check(given)
        self._configure(function.latest, given)
        function.latest.touch()
        self._gone(function)
        return Reply.of(function.latest.wire())

    def _list_functions(self, region: str, given: _Input) -> Reply:
        found, marker = page(self._functions.of(region), given.get("Marker", ""), given.get("MaxItems", 50))
        return Reply.of({"Functions": [f.latest.wire() for f in found], "NextMarker": marker or None})

    def _delete_function(self, region: str, given: _Input) -> Reply:
        name, qualifier = split(given["FunctionName"], given.get("Qualifier", ""))
        function = self._functions.get(region, name)
        if not qualifier:
            self._functions.remove(function)
        elif qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        else:
            if using := [a["Name"] for a in function.aliases.values() if qualifier in routed(a)]:
                pointing = f"Version {qualifier} is used by alias {using[0]}"
                raise conflict(f"Unable to delete version because the following aliases reference it: {pointing}")
            if qualifier not in function.versions:
                return Reply(204)
            del function.versions[qualifier]
        self._gone(function)
        return Reply(204)

    # versions

    def _publish_version(self, region: str, given: _Input) -> Reply:
        function = self._changeable(region, given)
        latest = function.latest.config
        if (wanted := given.get("CodeSha256")) and wanted != latest["CodeSha256"]:
            raise invalid(f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST "
                          f"({latest['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST.")  # fmt: skip
        newest = function.versions.get(str(function.newest))
        if newest and _same(newest.config, latest):
            return Reply.of(newest.wire(), 201)  # nothing changed since: AWS publishes nothing
        function.newest += 1
        number = str(function.newest)
        config = {**latest, "Version": number, "FunctionArn": f"{function.arn}:{number}"}
        if "Description" in given:
            config["Description"] = given["Description"]
        if config["SnapStart"]["ApplyOn"] == "PublishedVersions":
            config["SnapStart"] = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
        published = Version(config, function.latest.code)
        published.touch(created=True)
        function.versions[number] = published
        return Reply.of(published.wire(), 201)

    def _list_versions_by_function(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        latest = {**function.latest.wire(), "FunctionArn": f"{function.arn}:{LATEST}"}
        every = [latest, *(version.wire() for version in function.versions.values())]
        found, marker = page(every, given.get("Marker", ""), given.get("MaxItems", 50))
        return Reply.of({"Versions": found, "NextMarker": marker or None})

    def _version(self, region: str, given: _Input) -> tuple[Function, Version]:
        name, qualifier = split(given["FunctionName"], given.get("Qualifier", ""))
        function = self._functions.get(region, name)
        return function, function.version(qualifier)

    def _qualified(self, function: Function, version: Version, given: _Input) -> _Input:
        qualifier = split(given["FunctionName"], given.get("Qualifier", ""))[1]
        arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
        found = {**version.wire(), "FunctionArn": arn}
        version.seen = True
        return found

    def _changeable(self, region: str, given: _Input) -> Function:
        """Refused while a change is under way, or when it is not what the caller has seen."""
        function = self._functions.get(region, given["FunctionName"])
        if function.latest.pending:
            raise conflict("The operation cannot be performed at this time. An update is in progress for resource: "
                            f"{function.arn}")  # fmt: skip
        require_revision(given, function.latest.config)
        return function

    def _check(self, given: _Input) -> None:
        if (runtime := given.get("Runtime")) is not None:
            if not runtime.startswith("python"):
                raise invalid(f"the emulator runs Python only, not {runtime}")
            interpreter(runtime)
        if given.get("MemorySize", 128) > MEMORY_MB:
            raise Refused(400, "ValidationException", f"1 validation error detected: Value '{given['MemorySize']}' at "
                          "'memorySize' failed to satisfy constraint: Member must have value less than or equal to "
                          f"{MEMORY_MB}")  # fmt: skip
        if given.get("Timeout", 3) > TIMEOUT_SECONDS:
            raise Refused(400, "ValidationException", f"1 validation error detected: Value '{given['Timeout']}' at "
                          "'timeout' failed to satisfy constraint: Member must have value less than or equal to "
                          f"{TIMEOUT_SECONDS}")  # fmt: skip
        if role := given.get("Role"):
            self._check_role(role)
        variables = (given.get("Environment") or {}).get("Variables") or {}
        if reserved := sorted(name for name in variables if _RESERVED_VARIABLES.fullmatch(name)):
            raise invalid("Lambda was unable to configure your environment variables because the environment variables "
                          "you have provided contains reserved keys that are currently not supported for modification. "
                          f"Reserved keys used in this request: {', '.join(reserved)}")  # fmt: skip
        if len(json.dumps(variables, separators=(",", ":")).encode()) > ENVIRONMENT_BYTES:
            raise invalid("Lambda was unable to configure your environment variables because the environment variables "
                          "you have provided exceeded the 4KB limit. String measured: "
                          f"{json.dumps(variables)}")  # fmt: skip

    def _check_role(self, arn: str) -> None:
        cannot = invalid("The role defined for the function cannot be assumed by Lambda.")
        with self._moto.lock:
            roles = {role.arn: role for role in self._moto.state("iam", "aws").roles.values()}
            if arn not in roles:
                raise cannot
            trust = json.loads(roles[arn].assume_role_policy_document)
        if "lambda.amazonaws.com" not in json.dumps(trust):
            raise cannot

    def _configure(self, version: Version, given: _Input) -> None:
        for key in _SETTABLE:
            if key in given:
                version.config[key] = given[key]
        if "Environment" in given:
            version.config["Environment"] = {"Variables": (given["Environment"] or {}).get("Variables") or {}}
        if "EphemeralStorage" in given:
            version.config["EphemeralStorage"] = given["EphemeralStorage"]
        if "SnapStart" in given:
            version.config["SnapStart"] = {**given["SnapStart"], "OptimizationStatus": "Off"}

    def _set_code(self, version: Version, given: _Input, code: tuple[Path, str, int]) -> None:
        version.code = code[0]
        version.config.update(CodeSha256=code[1], CodeSize=code[2])
        if "Architectures" in given:
            version.config["Architectures"] = given["Architectures"]


_WITH_CODE = {"CreateFunction", "UpdateFunctionCode"}


def _same(published: _Input, latest: _Input) -> bool:
    """Whether nothing was changed since; a description of its own does not count."""
    own = {"Version", "FunctionArn", "RevisionId", "LastModified", "Description", "SnapStart"}
    return {k: v for k, v in published.items() if k not in own} == {k: v for k, v in latest.items() if k not in own}
