"""Artifact Registry's login, and that it is used for its hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.registry import login
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.bootstrap.registries import logins
from toolkit.domain.config import Project
from toolkit.domain.errors import Unauthenticated
from toolkit.domain.specs import Binding
from toolkit.ports.context import Context

HOST = "europe-west1-docker.pkg.dev"
ADDRESS = "http://127.0.0.1:9"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(client, "emulated", {ADDRESS})
    given = {"services_endpoint": ADDRESS}
    return GcpSettings.model_validate(given, context={"project": "p", "target": "t"}).model_dump(mode="json")


def test_whoever_deploys_may_push(settings: dict[str, Any]) -> None:
    found = login(HOST, settings)
    assert (found.user, found.password) == ("oauth2accesstoken", client.EMULATED_TOKEN)
    assert found.password not in repr(found)


def test_it_is_found_by_the_registrys_host(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    bindings = {"store": Binding(provider="gcp", settings=settings)}
    ask = logins(Context(Project(), "prod", tmp_path, bindings, {}, lambda port, binding: None))
    assert ask(HOST) == login(HOST, settings)
    assert ask("docker.pkg.dev.example.com") is None


def test_nobody_who_is_not_logged_in(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from google.oauth2.credentials import Credentials

    monkeypatch.setattr(client, "credentials", lambda emulator: Credentials(token=None))
    with pytest.raises(Unauthenticated, match="get a login") as refused:
        login(HOST, settings)
    assert "gcloud auth" in refused.value.hint
