"""How Google's APIs refuse: google.rpc.Status in JSON."""

from __future__ import annotations

from toolkit.execution.http_messages import Response, json_response

STATUS = {
    "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ALREADY_EXISTS": 409, "ABORTED": 409, "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "INTERNAL": 500,
}  # fmt: skip


class Refused(Exception):
    """`code` is google.rpc.Code's name; `field` the one that is wrong, where one is."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field

    @property
    def response(self) -> Response:
        status = STATUS[self.code]
        error: dict[str, object] = {"code": status, "message": self.message, "status": self.code}
        if self.field:
            violation = {"field": self.field, "description": self.message}
            kind = "type.googleapis.com/google.rpc.BadRequest"
            error["details"] = [{"@type": kind, "fieldViolations": [violation]}]
        return json_response(status, {"error": error})


def invalid(message: str, field: str = "") -> Refused:
    return Refused("INVALID_ARGUMENT", message, field)


def missing(name: str) -> Refused:
    return Refused("NOT_FOUND", f"Resource '{name}' was not found.")
