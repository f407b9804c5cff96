"""IAM's policy simulator, which moto lacks: what the policies of a role allow, asked by `toolkit doctor`.

Statements of the role itself, inline and attached: actions, resources, StringEquals conditions. Resource policies,
boundaries and other operators are not looked at; a condition that it does not know is not met.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


class Simulator:
    def __init__(self, moto: Moto, home: Home) -> None:
        self._moto = moto

    def before(self, call: Call) -> Reply | None:
        if call.service != "iam" or b"SimulatePrincipalPolicy" not in call.body:
            return None
        given = dict(parse_qsl(call.body.decode()))
        if given.get("Action") != "SimulatePrincipalPolicy":
            return None
        role = given.get("PolicySourceArn", "")
        statements = self._statements(call.region, role)
        if statements is None:
            words = f"<Code>NoSuchEntity</Code><Message>{escape(role)} cannot be found.</Message>"
            return _answer(404, "ErrorResponse", f"<Error><Type>Sender</Type>{words}</Error>")
        resources = _members(given, "ResourceArns") or ["*"]
        facts = {given[key]: given.get(f"{key[:-len('Name')]}Values.member.1", "") for key in given
                 if re.fullmatch(r"ContextEntries\.member\.\d+\.ContextKeyName", key)}  # fmt: skip
        results = "".join(
            f"<member><EvalActionName>{escape(action)}</EvalActionName>"
            f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
            f"<EvalDecision>{decision(statements, action, resource, facts)}</EvalDecision></member>"
            for action in _members(given, "ActionNames")
            for resource in resources
        )
        found = f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
        return _answer(200, "SimulatePrincipalPolicyResponse", f"<SimulatePrincipalPolicyResult>{found}"
                                                               "</SimulatePrincipalPolicyResult>")  # fmt: skip

    def after(self, call: Call, reply: Reply) -> Reply:
        return reply

    def close(self) -> None:
        pass

    def _statements(self, region: str, arn: str) -> list[dict[str, Any]] | None:
        with self._moto.lock:
            role = next((role for role in self._moto.state("iam", region).get_roles() if role.arn == arn), None)
            if role is None:
                return None
            documents = [*role.policies.values(), *(policy.document for policy in role.managed_policies.values())]
        found: list[dict[str, Any]] = []
        for document in documents:
            statements = json.loads(document)["Statement"]
            found += statements if isinstance(statements, list) else [statements]
        return found


def decision(statements: list[dict[str, Any]], action: str, resource: str, facts: dict[str, str]) -> str:
    """ "allowed", "explicitDeny" or "implicitDeny"."""
    effects = {one["Effect"] for one in statements if _concerns(one, action, resource, facts)}
    return "explicitDeny" if "Deny" in effects else "allowed" if "Allow" in effects else "implicitDeny"


def _concerns(statement: dict[str, Any], action: str, resource: str, facts: dict[str, str]) -> bool:
    actions = [pattern.lower() for pattern in _listed(statement.get("Action", []))]
    if not any(fnmatchcase(action.lower(), pattern) for pattern in actions):
        return False
    if not any(fnmatchcase(resource, pattern) for pattern in _listed(statement.get("Resource", []))):
        return False
    return all(
        operator.endswith("IfExists") or (operator == "StringEquals" and facts.get(key) in _listed(wanted))
        for operator, wants in statement.get("Condition", {}).items()
        for key, wanted in wants.items()
    )


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _members(given: dict[str, str], name: str) -> list[str]:
    numbered = {int(key.rpartition(".")[2]): value for key, value in given.items() if key.startswith(f"{name}.member.")}
    return [numbered[number] for number in sorted(numbered)]


def _answer(status: int, name: str, inner: str) -> Reply:
    told = "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
    body = f'<{name} xmlns="{_NAMESPACE}">{inner}{told}</{name}>'
    return Reply(status, (("content-type", "text/xml"),), body.encode())
