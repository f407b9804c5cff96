"""What fake-gcs-server does not have of a bucket: its settings, its policy, who may do what with its objects, and its
notifications. Everything else goes on to it.

A bucket with a policy lets a service account do what the policy says, as Google does; one without a policy, which only
a test makes, lets everybody. Settings are kept here (fake-gcs-server forgets most of them), and what they do is not
played: nothing expires, no old version is kept.
"""

from __future__ import annotations

import json
import re
import threading
from typing import Any
from urllib.parse import parse_qs, unquote

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import json_format

from toolkit.adapters.gcp.emulator.iam_policies import STORAGE_AGENT, Iam
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.notifications import Notifications
from toolkit.adapters.gcp.emulator.refused import Refused, invalid
from toolkit.adapters.gcp.emulator.storage import Storage
from toolkit.execution.http_messages import Request, Response, json_response

_BUCKET = re.compile(r"/storage/v1/b(?:/([^/]+))?")
_PART = re.compile(r"/storage/v1/b/([^/]+)/(iam/testPermissions|iam|notificationConfigs)(?:/([^/]+))?")
_AGENT = re.compile(r"/storage/v1/projects/[^/]+/serviceAccount")
_OBJECTS = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o(?:/(.+))?")
_UPLOAD = re.compile(r"/(?:resumable/)?upload/storage/v1/b/([^/]+)/o")
_DAY = 86_400
KINDS: dict[str, Any] = {
    "name": str, "location": str, "storageClass": str, "labels": {"*": str}, "versioning": {"enabled": bool},
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": bool}, "publicAccessPrevention": str},
    "softDeletePolicy": {"retentionDurationSeconds": str},
    "lifecycle": {"rule": [{"action": {"type": str, "storageClass": str},
                            "condition": {"age": int, "isLive": bool, "numNewerVersions": int,
                                          "daysSinceNoncurrentTime": int, "matchesPrefix": [str]}}]},
}  # fmt: skip
ACTIONS = {"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"}


class Buckets:
    def __init__(self, storage: Storage, iam: Iam, identity: Identity, notifications: Notifications) -> None:
        self._storage, self._iam, self._identity, self._notifications = storage, iam, identity, notifications
        self._lock = threading.Lock()
        self._settings: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Response:
        caller = self._identity.caller(request)
        if found := _PART.fullmatch(request.path):
            return self._part(request, caller, unquote(found[1]), found[2], found[3] or "")
        if _AGENT.fullmatch(request.path):
            return json_response(200, {"kind": "storage#serviceAccount", "email_address": STORAGE_AGENT})
        if (found := _BUCKET.fullmatch(request.path)) and request.method in {"POST", "PATCH", "GET"}:
            return self._bucket(request, caller, unquote(found[1] or ""))
        self._require_objects(request, caller)
        reply = self._storage(request)
        self._notifications.look(request, reply)
        return reply

    # Settings

    def _bucket(self, request: Request, caller: str, name: str) -> Response:
        if request.method == "GET":
            if name:
                self._require(caller, "storage.buckets.get", name)
            return self._shown(self._storage(request))
        given = _body(request)
        checked(given, KINDS, "")
        _check(given)
        if request.method == "PATCH":
            self._require(caller, "storage.buckets.update", name)
            reply = self._storage(Request("GET", request.target, request.headers))
        else:
            plain = {key: given[key] for key in ("name", "location") if key in given}
            headers = tuple(pair for pair in request.headers if pair[0] != "content-length")
            reply = self._storage(Request("POST", request.target, headers, json.dumps(plain).encode()))
            name = str(given.get("name", ""))
        if reply.status == 200:
            with self._lock:
                held = self._settings.setdefault(name, {"metageneration": 0})
                _merge(held, {key: value for key, value in given.items() if key != "name"})
                held["metageneration"] += 1
        return self._shown(reply)

    def _shown(self, reply: Response) -> Response:
        if reply.status != 200:
            return reply
        found = json.loads(reply.body)
        if found.get("kind") == "storage#bucket":
            kept = self._settings.get(found["name"], {})
            told = {**found, **kept, "metageneration": str(kept.get("metageneration", 1))}
            told.setdefault("iamConfiguration", {"publicAccessPrevention": "inherited"})
            told["location"] = str(told["location"]).upper()
            return json_response(200, told)
        return reply

    # Policy and notifications

    def _part(self, request: Request, caller: str, bucket: str, part: str, number: str) -> Response:
        asked = Request("GET", f"/storage/v1/b/{bucket}", (("authorization", request.header("authorization")),))
        if (there := self._storage(asked)).status != 200:
            return there
        resource = f"projects/_/buckets/{bucket}"
        if part == "notificationConfigs":
            self._require(
                caller, "storage.buckets.get" if request.method == "GET" else "storage.buckets.update", bucket
            )
            return self._notifications(request, bucket, number)
        query = parse_qs(request.query)
        if part == "iam/testPermissions":
            test = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=query.get("permissions", []))
            allowed = list(self._iam.test(test, caller).permissions)
            return json_response(200, {"kind": "storage#testIamPermissionsResponse", "permissions": allowed})
        if request.method == "GET":
            self._require(caller, "storage.buckets.getIamPolicy", bucket)
            version = int(query.get("optionsRequestedPolicyVersion", ["1"])[0])
            policy = self._iam.policy(resource, conditions=version == 3)
        elif request.method == "PUT":
            self._require(caller, "storage.buckets.setIamPolicy", bucket)
            policy = self._set(resource, _body(request))
        else:
            raise Refused("NOT_FOUND", "Not Found")
        return json_response(200, {"kind": "storage#policy", **json_format.MessageToDict(policy)})

    def _set(self, resource: str, body: dict[str, Any]) -> Any:
        plain = {key: value for key, value in body.items() if key not in {"kind", "resourceId"}}
        try:
            given = json_format.ParseDict(plain, policy_pb2.Policy())
        except json_format.ParseError as error:
            raise invalid(f"Invalid JSON payload received. {error}", "policy") from error
        name = resource.rpartition("/")[2]
        uniform = self._settings.get(name, {}).get("iamConfiguration", {}).get("uniformBucketLevelAccess", {})
        if any(binding.HasField("condition") for binding in given.bindings) and not uniform.get("enabled"):
            raise invalid("Conditions need uniform bucket-level access.", "policy.bindings")
        request = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=given)
        return self._iam.set_policy(request, "")

    # Who may

    def _require_objects(self, request: Request, caller: str) -> None:
        if found := _UPLOAD.fullmatch(request.path):
            bucket, name = unquote(found[1]), _uploaded(request)
            if name:
                self._require(caller, "storage.objects.create", bucket, name)
                if self._guarded(bucket) and self._storage._generation(bucket, name) != "0":
                    self._require(caller, "storage.objects.delete", bucket, name)  # whatever the precondition says
        elif found := _OBJECTS.fullmatch(request.path):
            bucket, name = unquote(found[1]), unquote(found[2] or "")
            verb = {"GET": "get", "HEAD": "get", "DELETE": "delete", "PATCH": "update"}.get(request.method, "create")
            self._require(caller, f"storage.objects.{verb if name else 'list'}", bucket, name)

    def _guarded(self, bucket: str) -> bool:
        return f"projects/_/buckets/{bucket}" in self._iam.policies

    def _require(self, caller: str, permission: str, bucket: str, name: str = "") -> None:
        resource = f"projects/_/buckets/{bucket}"
        if not self._guarded(bucket):
            return
        if not self._iam.allows(caller, permission, [resource], f"{resource}/objects/{name}" if name else resource):
            what = "object" if name else "bucket"
            told = f"{caller} does not have {permission} access to the Google Cloud Storage {what}."
            raise Refused(
                "PERMISSION_DENIED", f"{told} Permission '{permission}' denied on resource (or it may not exist)."
            )


def checked(value: Any, kind: Any, where: str) -> None:
    """Refused where the JSON is not of this shape."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise invalid(f"Invalid value at '{where}': an object is wanted", where)
        for key, item in value.items():
            inner = f"{where}.{key}".lstrip(".")
            if key not in kind and "*" not in kind:
                raise invalid(f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}'", inner)
            if item is not None:  # null takes it away
                checked(item, kind.get(key, kind.get("*")), inner)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise invalid(f"Invalid value at '{where}': a list is wanted", where)
        for number, item in enumerate(value):
            checked(item, kind[0], f"{where}[{number}]")
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise invalid(f"Invalid value at '{where}': {value!r}", where)


def _check(given: dict[str, Any]) -> None:
    prevention = given.get("iamConfiguration", {}).get("publicAccessPrevention", "inherited")
    if prevention not in {"enforced", "inherited"}:
        raise invalid(f"publicAccessPrevention {prevention!r}", "iamConfiguration.publicAccessPrevention")
    for rule in (given.get("lifecycle") or {}).get("rule", ()):
        if rule.get("action", {}).get("type") not in ACTIONS or not rule.get("condition"):
            raise invalid("A lifecycle rule needs an action that there is, and a condition.", "lifecycle.rule")
    kept = int((given.get("softDeletePolicy") or {}).get("retentionDurationSeconds", 7 * _DAY))
    if kept and not 7 * _DAY <= kept <= 90 * _DAY:
        raise invalid("Soft delete is 0, or 7 to 90 days.", "softDeletePolicy.retentionDurationSeconds")
    for key, value in (given.get("labels") or {}).items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value or ""):
            raise invalid(f"Label {key}={value} is not valid.", "labels")


def _merge(held: dict[str, Any], given: dict[str, Any]) -> None:
    """As PATCH does: objects are merged, null takes away."""
    for key, value in given.items():
        if value is None:
            held.pop(key, None)
        elif isinstance(value, dict) and isinstance(held.get(key), dict) and key != "lifecycle":
            _merge(held[key], value)
        else:
            held[key] = value


def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(found, dict):
        raise invalid("Invalid JSON payload received. Root element must be a message.")
    return found


def _uploaded(request: Request) -> str:
    """The object's name: in the query, in the metadata of a resumable upload, in the first part of a multipart one."""
    query = parse_qs(request.query)
    if "name" in query:
        return query["name"][0]
    if query.get("uploadType") == ["resumable"] and request.method == "POST":
        return str(_body(request).get("name", ""))
    said = re.search(rb'"name":\s*("(?:[^"\\]|\\.)*")', request.body[:8192]) if request.method == "POST" else None
    return str(json.loads(said[1])) if said else ""
