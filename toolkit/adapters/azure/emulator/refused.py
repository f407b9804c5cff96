"""How Azure's APIs refuse: {"error": {"code", "message"}}, with the status that belongs to the code."""

from __future__ import annotations

from toolkit.execution.http_messages import Headers, Response, json_response


class Refused(Exception):
    """`code` is Azure's; `headers` are of the answer."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers

    @property
    def response(self) -> Response:
        error = {"error": {"code": self.code, "message": self.message}}
        return json_response(self.status, error, ("x-ms-failure-cause", "gateway"), *self.headers)


def invalid(message: str, code: str = "InvalidRequestContent") -> Refused:
    return Refused(400, code, message)


def missing(name: str, code: str = "ResourceNotFound") -> Refused:
    return Refused(404, code, f"The Resource '{name}' was not found.")


def conflict(message: str, code: str = "Conflict") -> Refused:
    return Refused(409, code, message)
