"""Bucket policies with their conditions: moto reads who may do what, and passes over on which condition.

So a rule like "no PutObject without If-None-Match" would refuse every PutObject. Its one function that asks the policy
is replaced by one that first leaves out the statements whose conditions do not hold for the request at hand. Known:
the operators Null, Bool, StringEquals and StringLike on the keys below; any other counts as holding, so that a denial
that cannot be judged is one. Completing a large upload is a PutObject here, as on AWS.
"""

from __future__ import annotations

import json
import threading
from fnmatch import fnmatchcase
from typing import Any

from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply


class BucketPolicies:
    def __init__(self, moto: Moto, home: Home) -> None:
        from moto.s3.models import FakeBucket

        self._at_hand = threading.local()  # moto answers in the thread that asked
        policies = self

        def get_permission(bucket: Any, action: str, resource: str) -> Any:
            from moto.iam.access_control import IAMPolicy, PermissionResult

            if bucket.policy is None:
                return PermissionResult.NEUTRAL
            document = policies.holding(json.loads(bucket.policy))
            asked = "s3:PutObject" if action == "s3:PostObject" else action
            return IAMPolicy(json.dumps(document)).is_action_permitted(asked, resource)

        setattr(FakeBucket, "get_permission", get_permission)  # noqa: B010  # a method of moto's, on purpose

    def before(self, call: Call) -> Reply | None:
        self._at_hand.call = call
        return None

    def after(self, call: Call, reply: Reply) -> Reply:
        return reply

    def close(self) -> None:
        pass

    def holding(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with the statements whose conditions hold for the request at hand."""
        known = _known(self._at_hand.call)
        kept = [s for s in document["Statement"] if _holds(s.get("Condition") or {}, known)]
        return {**document, "Statement": kept}


def _known(call: Call) -> dict[str, str]:
    """Condition keys of a request, in lower case."""
    found = {
        "aws:securetransport": "false",
        "s3:objectcreationoperation": str(not {"partNumber", "uploads"} & call.query.keys()).lower(),
    }
    for header in ("if-none-match", "if-match"):
        if header in call.headers:
            found[f"s3:{header}"] = call.headers[header]
    if "prefix" in call.query:
        found["s3:prefix"] = call.query["prefix"]
    return found


def _holds(condition: dict[str, dict[str, Any]], known: dict[str, str]) -> bool:
    return all(
        _one(operator, known.get(key.lower()), [str(v) for v in (wanted if isinstance(wanted, list) else [wanted])])
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _one(operator: str, value: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (value is None) == (wanted[0].lower() == "true")
    if operator.endswith("IfExists") and value is None:
        return True
    match operator.removesuffix("IfExists"):
        case "Bool":
            return value is not None and value in [text.lower() for text in wanted]
        case "StringEquals":
            return value in wanted
        case "StringLike":
            return value is not None and any(fnmatchcase(value, pattern) for pattern in wanted)
    return True
