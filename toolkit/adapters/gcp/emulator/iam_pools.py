"""Workload identity pools and their providers: whose tokens from elsewhere are taken.

Google packages no types for them, so those stand here, field by field from the REST reference, and are held to like the
packaged ones. The exchange of tokens (sts.googleapis.com) is not played: nothing here runs at GitHub.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, field_mask_pb2, message_factory

from toolkit.adapters.gcp.emulator.operations import Operations
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.adapters.gcp.emulator.rest import Method

PACKAGE = "toolkit.emulated.iam.v1"
_Field = descriptor_pb2.FieldDescriptorProto
_ID = re.compile(r"(?!gcp-)[a-z][a-z0-9-]{2,30}[a-z0-9]")
_CLAIM = re.compile(r"(google\.(subject|groups|display_name)|attribute\.[a-z0-9_]{1,100})")


def _types() -> dict[str, Any]:
    """Message name -> class. The requests are as Google's other ones are."""
    file = descriptor_pb2.FileDescriptorProto(name="toolkit/emulated_iam.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append("google/protobuf/field_mask.proto")
    mask = "." + field_mask_pb2.FieldMask.DESCRIPTOR.full_name
    _message(file, "Oidc", {"issuer_uri": str, "allowed_audiences": [str], "jwks_json": str})
    _message(file, "Pool", {**dict.fromkeys(("name", "display_name", "description", "mode"), str), "disabled": bool})
    provider = {**dict.fromkeys(("name", "display_name", "description", "attribute_condition"), str), "disabled": bool}
    made = _message(file, "Provider", {**provider, "oidc": f".{PACKAGE}.Oidc"})
    entry = made.nested_type.add(name="AttributeMappingEntry")
    entry.options.map_entry = True
    for number, key in enumerate(("key", "value"), 1):
        entry.field.add(name=key, number=number, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    kind = f".{PACKAGE}.Provider.AttributeMappingEntry"
    made.field.add(
        name="attribute_mapping", number=20, type=_Field.TYPE_MESSAGE, type_name=kind, label=_Field.LABEL_REPEATED
    )
    for name, field in (("Pool", "workload_identity_pool"), ("Provider", "workload_identity_pool_provider")):
        own = {field: f".{PACKAGE}.{name}"}
        _message(file, f"Create{name}", {"parent": str, f"{field}_id": str, **own})
        _message(file, f"Update{name}", {"update_mask": mask, **own})
        _message(file, f"Get{name}", {"name": str})
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        one.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{one.name}"))
        for one in file.message_type
    }


def _message(file: Any, name: str, fields: dict[str, Any]) -> Any:
    made = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        label = _Field.LABEL_REPEATED if isinstance(kind, list) else _Field.LABEL_OPTIONAL
        if isinstance(kind, str):
            made.field.add(name=field, number=number, type=_Field.TYPE_MESSAGE, type_name=kind, label=label)
        else:
            plain = _Field.TYPE_BOOL if kind is bool else _Field.TYPE_STRING
            made.field.add(name=field, number=number, type=plain, label=label)
    return made


class Pools:
    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.operations = Operations(self._lock)
        self._kept: dict[str, Any] = {}

    def methods(self) -> tuple[Method, ...]:
        types, pool = _types(), "projects/*/locations/*/workloadIdentityPools/*"
        found = [self._get(types["GetPool"], pool), self._get(types["GetProvider"], f"{pool}/providers/*")]
        for name, field, parent, collection in (
            ("Pool", "workload_identity_pool", "projects/*/locations/*", "workloadIdentityPools"),
            ("Provider", "workload_identity_pool_provider", pool, "providers"),
        ):
            needs = (f"{field}_id", field) if name == "Pool" else (f"{field}_id", field, f"{field}.attribute_mapping")
            uri = f"/v1/{{parent={parent}}}/{collection}"
            found.append(Method("post", uri, types[f"Create{name}"], self._creator(field, collection), field, needs))
            uri = f"/v1/{{{field}.name={parent}/{collection}/*}}"
            found.append(Method("patch", uri, types[f"Update{name}"], self._updater(field), field, ("update_mask",)))
        for place in (f"{pool}/operations/*", f"{pool}/providers/*/operations/*"):
            found.append(
                Method("get", f"/v1/{{name={place}}}", operations_pb2.GetOperationRequest, self.operations.get)
            )
        return tuple(found)

    def _get(self, kind: Any, place: str) -> Method:
        def get(request: Any, caller: str) -> Any:
            with self._lock:
                self.operations.settle()
                if request.name not in self._kept:
                    raise Refused("NOT_FOUND", "Requested entity was not found.")
                return self._kept[request.name]

        return Method("get", f"/v1/{{name={place}}}", kind, get)

    def _creator(self, field: str, collection: str) -> Any:
        def create(request: Any, caller: str) -> Any:
            number, given = getattr(request, f"{field}_id"), getattr(request, field)
            if not _ID.fullmatch(number):
                raise invalid(f"{number!r} must have 4-32 of [a-z0-9-] and not begin with gcp-", f"{field}_id")
            _check(given, field)
            name = f"{request.parent}/{collection}/{number}"
            with self._lock:
                self.operations.settle()
                if collection == "providers" and request.parent not in self._kept:
                    raise missing(request.parent)
                if name in self._kept:
                    raise Refused("ALREADY_EXISTS", "Requested entity already exists")
                made = type(given)()
                made.CopyFrom(given)
                made.name = name

                def finish() -> Any:
                    self._kept[name] = made
                    return made

                return self.operations.begin(name, finish)

        return create

    def _updater(self, field: str) -> Any:
        def update(request: Any, caller: str) -> Any:
            given = getattr(request, field)
            with self._lock:
                if given.name not in self._kept:
                    raise missing(given.name)
                kept = self._kept[given.name]
                changed = type(kept)()
                changed.CopyFrom(kept)
                for path in request.update_mask.paths:
                    changed.ClearField(path)
                request.update_mask.MergeMessage(given, changed)
                _check(changed, field)

                def finish() -> Any:
                    kept.CopyFrom(changed)
                    return kept

                return self.operations.begin(given.name, finish)

        return update


def _check(given: Any, field: str) -> None:
    if len(given.display_name) > 32 or len(given.description) > 256:
        raise invalid("display_name has at most 32 characters, description 256", field)
    if field.endswith("provider"):
        if not given.oidc.issuer_uri.startswith("https://"):
            raise invalid("oidc.issuer_uri must be an HTTPS address", f"{field}.oidc.issuer_uri")
        if "google.subject" not in given.attribute_mapping:
            raise invalid("attribute_mapping must map google.subject", f"{field}.attribute_mapping")
        if bad := [key for key in given.attribute_mapping if not _CLAIM.fullmatch(key)]:
            raise invalid(f"attribute_mapping: {bad[0]} is no attribute", f"{field}.attribute_mapping")
        if given.oidc.issuer_uri == "https://token.actions.githubusercontent.com" and not given.attribute_condition:
            raise invalid("The attribute condition must reference one of the provider's claims.", field)
