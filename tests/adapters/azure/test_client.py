"""Long-running operations as ARM tells them, and where a token may go; no sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from toolkit.adapters.azure.client import Answer, Api, Arm
from toolkit.adapters.azure.errors import Refusal, translated
from toolkit.adapters.azure.settings import AzureSettings
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ProviderError,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
)

HOST = "https://management.azure.com"
Script = list[tuple[str, Answer]]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], Arm]:
    """An Arm whose requests are answered from a script of (verb and end of the URL, answer)."""

    def make(script: Script) -> Arm:
        def send(self: Api, what: str, method: str, path: str, *args: Any, **more: Any) -> Answer:
            wanted, answer = script.pop(0)
            assert f"{method} {path}".endswith(wanted.partition(" ")[2])
            assert wanted.partition(" ")[0] == method
            return answer

        monkeypatch.setattr(Api, "send", send)
        monkeypatch.setattr("toolkit.adapters.azure.client.time.sleep", lambda seconds: None)
        where = {"subscription": "1" * 8 + "-1111-1111-1111-" + "1" * 12, "location": "westeurope"}
        context = {"project": "p", "target": "t"}
        return Arm(AzureSettings.model_validate(where, context=context).model_dump())

    return make


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body or {})


def test_an_operation_by_its_status(played: Callable[[Script], Arm]) -> None:
    url = f"{HOST}/operations/1"
    script = [
        ("PUT /x", answer(201, azure_asyncoperation=url)),
        ("GET /1", answer(200, {"status": "InProgress"})),
        ("GET /1", answer(200, {"status": "Succeeded"})),
        ("GET /x", answer(200, {"name": "x"})),
    ]
    assert played(script).change("make x", "PUT", "/x", "v") == {"name": "x"}
    assert script == []


def test_an_operation_by_its_location(played: Callable[[Script], Arm]) -> None:
    url = f"{HOST}/results/1"
    script = [("DELETE /x", answer(202, location=url)), ("GET /1", answer(202)), ("GET /1", answer(204))]
    played(script).change("delete x", "DELETE", "/x", "v")
    assert script == []


def test_an_operation_by_the_resource(played: Callable[[Script], Arm]) -> None:
    def state(value: str) -> Answer:
        return answer(200, {"properties": {"provisioningState": value}})

    script = [("PUT /x", state("Creating")), ("GET /x", state("Creating")), ("GET /x", state("Succeeded"))]
    assert played(script).change("make x", "PUT", "/x", "v")["properties"]["provisioningState"] == "Succeeded"
    assert script == []


def test_an_operation_that_fails_says_why(played: Callable[[Script], Arm]) -> None:
    url = f"{HOST}/operations/1"
    failed = answer(200, {"status": "Failed", "error": {"code": "Quota", "message": "no more cores"}})
    with pytest.raises(ProviderError, match="no more cores"):
        played([("PUT /x", answer(201, azure_asyncoperation=url)), ("GET /1", failed)]).change("x", "PUT", "/x", "v")
    state = answer(200, {"properties": {"provisioningState": "Failed"}})
    with pytest.raises(ProviderError, match="Failed"):
        played([("PUT /x", state)]).change("x", "PUT", "/x", "v")


def test_a_deletion_of_nothing(played: Callable[[Script], Arm], monkeypatch: pytest.MonkeyPatch) -> None:
    arm = played([])

    def missing(*args: Any, **more: Any) -> Answer:
        raise NotFound("none")

    monkeypatch.setattr(Api, "send", missing)
    assert not arm.delete("delete x", "/x", "v")


@pytest.mark.parametrize(
    "url",
    ["https://elsewhere.example/x", "https://management.azure.com.evil.example/x", "http://management.azure.com/x"],
)
def test_the_token_goes_nowhere_else(url: str) -> None:
    """A link in an answer is followed only where the answer came from."""
    with pytest.raises(ConfigError, match="leads elsewhere"):
        Api("management.azure.com", "").send("follow", "GET", url)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "BlobAlreadyExists", AlreadyExists),
        (412, "ConditionNotMet", PreconditionFailed),
        (404, "BlobNotFound", NotFound),
        (404, "ResourceGroupNotFound", ConfigError),
        (401, "ExpiredAuthenticationToken", Unauthenticated),
        (403, "AuthorizationFailed", PermissionDenied),
        (403, "AuthenticationFailed", Unauthenticated),
        (429, "TooManyRequests", Throttled),
        (503, "ServerBusy", Throttled),
        (503, "", Unavailable),
        (500, "", Unavailable),
        (400, "InvalidRequestContent", ConfigError),
        (418, "Teapot", ToolkitError),
    ],
)
def test_codes(status: int, code: str, kind: type[ToolkitError]) -> None:
    with pytest.raises(kind, match="do it") as told, translated("do it"):
        raise Refusal(status, code, "the words")
    assert isinstance(told.value.__cause__, Refusal)


def test_what_is_missing_is_named() -> None:
    words = "The client 'me' does not have authorization to perform action 'Microsoft.App/jobs/write' over scope '/x'"
    with pytest.raises(PermissionDenied) as told, translated("make the job"):
        raise Refusal(403, "AuthorizationFailed", words)
    assert "Microsoft.App/jobs/write" in told.value.hint


def test_a_bug_of_ours_goes_on_as_it_is() -> None:
    with pytest.raises(KeyError), translated("do it"):
        raise KeyError("ours")
