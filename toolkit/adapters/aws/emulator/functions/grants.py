"""What stands beside a function: reserved concurrency, its resource policy, tags, what becomes of failed events."""

from __future__ import annotations

import json
from typing import Any

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.functions.code import invalid
from toolkit.adapters.aws.emulator.functions.state import LATEST, Function, Functions, conflict, missing, split
from toolkit.adapters.aws.emulator.wire import Reply

_Input = dict[str, Any]

ACCOUNT_CONCURRENCY = 1000
UNRESERVED = 100


class Grants:
    """As `control.Control`, which asks it."""

    def __init__(self, home: Home, functions: Functions) -> None:
        self._home = home
        self._functions = functions

    def _put_function_concurrency(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        wanted = given["ReservedConcurrentExecutions"]
        others = sum(f.reserved or 0 for f in self._functions.of(region) if f is not function)
        if ACCOUNT_CONCURRENCY - others - wanted < UNRESERVED:
            raise invalid("Specified ReservedConcurrentExecutions for function decreases account's "
                          f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED}].")  # fmt: skip
        function.reserved = wanted
        return Reply.of({"ReservedConcurrentExecutions": wanted})

    def _get_function_concurrency(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["FunctionName"])
        told = {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}
        return Reply.of(told)

    def _delete_function_concurrency(self, region: str, given: _Input) -> Reply:
        self._functions.get(region, given["FunctionName"]).reserved = None
        return Reply(204)

    def _add_permission(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        statements = function.policies.setdefault(qualifier, [])
        if any(statement["Sid"] == given["StatementId"] for statement in statements):
            raise conflict(f"The statement id ({given['StatementId']}) provided already exists. Please provide a new "
                            "statement id, or remove the existing statement.")  # fmt: skip
        principal = given["Principal"]
        service = "." in principal
        like: _Input = {"ArnLike": {"AWS:SourceArn": given["SourceArn"]}} if given.get("SourceArn") else {}
        equal: _Input = {}
        if given.get("SourceAccount"):
            equal["AWS:SourceAccount"] = given["SourceAccount"]
        if given.get("FunctionUrlAuthType"):
            equal["lambda:FunctionUrlAuthType"] = given["FunctionUrlAuthType"]
        if given.get("InvokedViaFunctionUrl"):
            like["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
        statement = {
            "Sid": given["StatementId"], "Effect": "Allow", "Action": given["Action"],
            "Principal": {"Service": principal} if service else principal,
            "Resource": f"{function.arn}:{qualifier}" if qualifier else function.arn,
            "Condition": {**like, **({"StringEquals": equal} if equal else {})},
        }  # fmt: skip
        statements.append(statement)
        return Reply.of({"Statement": json.dumps(statement)}, 201)

    def _remove_permission(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        left = [s for s in function.policies.get(qualifier, []) if s["Sid"] != given["StatementId"]]
        if len(left) == len(function.policies.get(qualifier, [])):
            raise missing(f"Statement {given['StatementId']} is not found in resource policy.")
        function.policies[qualifier] = left
        return Reply(204)

    def _get_policy(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        if not (statements := function.policies.get(qualifier)):
            raise missing("The resource you requested does not exist.")
        return Reply.of({"Policy": json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": statements})})

    def _policy_of(self, region: str, given: _Input) -> tuple[Function, str]:
        name, qualifier = split(given["FunctionName"], given.get("Qualifier", ""))
        function = self._functions.get(region, name)
        function.version(qualifier)
        return function, qualifier

    def _list_tags(self, region: str, given: _Input) -> Reply:
        return Reply.of({"Tags": self._functions.get(region, given["Resource"]).tags})

    def _tag_resource(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["Resource"])
        if len({**function.tags, **given["Tags"]}) > 50:
            raise invalid("a function has at most 50 tags")
        function.tags.update(given["Tags"])
        return Reply(204)

    def _untag_resource(self, region: str, given: _Input) -> Reply:
        function = self._functions.get(region, given["Resource"])
        for key in given["TagKeys"]:
            function.tags.pop(key, None)
        return Reply(204)

    def _put_function_event_invoke_config(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        function.events[qualifier] = {k: v for k, v in given.items() if k not in {"FunctionName", "Qualifier"}}
        return Reply.of({**function.events[qualifier], "FunctionArn": f"{function.arn}:{qualifier or LATEST}"})

    def _get_function_event_invoke_config(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        if qualifier not in function.events:
            raise missing(f"The function {function.arn}:{qualifier} doesn't have an EventInvokeConfig")
        return Reply.of(function.events[qualifier])

    def _delete_function_event_invoke_config(self, region: str, given: _Input) -> Reply:
        function, qualifier = self._policy_of(region, given)
        function.events.pop(qualifier, None)
        return Reply(204)
