"""Aliases, and the URLs on them."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.code import invalid
from toolkit.adapters.aws.emulator.functions.state import (
    LATEST,
    Function,
    Functions,
    conflict,
    missing,
    page,
    require_revision,
    routed,
    split,
)
from toolkit.adapters.aws.emulator.wire import Reply

_Input = dict[str, Any]


class Aliases:
    """As `control.Control`, which asks it."""

    def __init__(self, home: Home, functions: Functions) -> None:
        self._home = home
        self._functions = functions

    def _create_alias(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        if given["Name"] in function.aliases:
            raise conflict(f"Alias already exists: {function.arn}:{given['Name']}")
        alias: _Input = {"AliasArn": f"{function.arn}:{given['Name']}", "Name": given["Name"], "Description": ""}
        function.aliases[given["Name"]] = self._aliased(function, alias, given)
        return Reply.of(function.aliases[given["Name"]], 201)

    def _update_alias(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        alias = function.alias(given["Name"])
        require_revision(given, alias)
        function.aliases[given["Name"]] = self._aliased(function, alias, given)
        return Reply.of(function.aliases[given["Name"]])

    def _get_alias(self, region: str, given: _Input) -> Reply:
        return Reply.of(self._functions.get(region, given["FunctionName"]).alias(given["Name"]))

    def _list_aliases(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        aliases = [a for _, a in sorted(function.aliases.items())]
        if version := given.get("FunctionVersion"):
            aliases = [a for a in aliases if version in routed(a)]
        found, marker = page(aliases, given.get("Marker", ""), given.get("MaxItems", 50))
        return Reply.of({"Aliases": found, "NextMarker": marker or None})

    def _delete_alias(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        function.aliases.pop(given["Name"], None)
        function.urls.pop(given["Name"], None)
        function.policies.pop(given["Name"], None)
        return Reply(204)

    def _aliased(self, function: Function, alias: _Input, given: _Input) -> _Input:
        version = given.get("FunctionVersion", alias.get("FunctionVersion", ""))
        weights = (given.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if "RoutingConfig" not in given:
            weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        for number, weight in weights.items():
            if not 0.0 <= weight <= 1.0:
                raise invalid(f"Weight {weight} of version {number} is not between 0.0 and 1.0")
            if number == version or LATEST in {version, number}:
                raise invalid("Invalid function version in AdditionalVersionWeights")
        for number in (version, *weights):
            if number != LATEST and number not in function.versions:
                raise missing(f"Function not found: {function.arn}:{number}")
        return {
            **alias, "FunctionVersion": version, "RevisionId": str(uuid.uuid4()),
            "Description": given.get("Description", alias["Description"]),
            "RoutingConfig": {"AdditionalVersionWeights": weights} if weights else None,
        }  # fmt: skip

    def _create_function_url_config(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._url_of(region, given)
        if qualifier in function.urls:
            raise conflict(f"Failed to create function url config for [functionArn = {function.arn}]. Error message:  "
                            "FunctionUrlConfig exists for this Lambda function")  # fmt: skip
        url_id = secrets.token_hex(16)
        function.urls[qualifier] = {
            "id": url_id, "FunctionUrl": f"{self._home.address}/lambda-url/{url_id}/",
            "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
            "AuthType": given["AuthType"], "InvokeMode": given.get("InvokeMode", "BUFFERED"),
            "CreationTime": function.latest.config["LastModified"],
        }  # fmt: skip
        return Reply.of(_plain(function.urls[qualifier]), 201)

    def _get_function_url_config(self, region: str, given: _Input) -> Reply:
        return Reply.of(_plain(self._url(region, given)))

    def _update_function_url_config(self, region: str, given: _Input) -> Reply:
        config = self._url(region, given)
        config.update({key: given[key] for key in ("AuthType", "InvokeMode") if key in given})
        return Reply.of(_plain(config))

    def _delete_function_url_config(self, region: str, given: _Input) -> Reply:
        self._url(region, given)
        function, qualifier = self._url_of(region, given)
        del function.urls[qualifier]
        return Reply(204)

    def _url_of(self, region: str, given: _Input) -> tuple[Function, str]:
        name, qualifier = split(given["FunctionName"], given.get("Qualifier", ""))
        function = self._functions.get(region, name)
        if qualifier:
            function.alias(qualifier)
        return function, qualifier

    def _url(self, region: str, given: _Input) -> _Input:
        function, qualifier = self._url_of(region, given)
        if qualifier not in function.urls:
            raise missing("The resource you requested does not exist.")
        return function.urls[qualifier]


def _plain(url: _Input) -> _Input:
    return {key: value for key, value in url.items() if key != "id"}
