"""ECR's login against moto, and which login is used for which host."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.adapters.aws import cloud
from toolkit.adapters.aws.registry import login
from toolkit.bootstrap.registries import logins
from toolkit.domain.errors import PermissionDenied
from toolkit.domain.specs import Binding
from toolkit.packaging.oci.registry import Registry
from toolkit.ports.context import Context
from toolkit.ports.registry import Login
from toolkit.testing.faultproxy import Proxy, Refused

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """A context whose store is on AWS, which is moto."""
    from toolkit.domain.config import Project

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    bindings = {"store": Binding(provider="aws", settings=dict(cloud.settings()))}
    return Context(Project(), "prod", tmp_path, bindings, {}, lambda port, binding: None)


def test_ecrs_own_token() -> None:
    found = login(HOST, cloud.settings())
    assert found.user == "AWS"
    assert "123456789012" in found.password  # moto's token: account and part of the registry
    assert found.password not in repr(found)


def test_a_refusal_names_the_permission() -> None:
    with Proxy(cloud.address(), lambda *_: Refused(403, "AccessDeniedException")) as proxy:
        settings = {**cloud.settings(), "services_endpoint": proxy.address}
        with pytest.raises(PermissionDenied, match="ecr:GetAuthorizationToken"):
            login(HOST, settings)


def test_the_clouds_login_for_its_own_host_and_dockers_for_others(ctx: Context, tmp_path: Path) -> None:
    kept = {"auths": {"ghcr.io": {"auth": base64.b64encode(b"me:x").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    find = logins(ctx)
    found = find(HOST)
    assert found is not None
    assert found.user == "AWS"
    assert find("ghcr.io") == Login("me", "x")
    assert find("elsewhere.example") is None
    assert find(f"{HOST}.evil.example") is None


def test_docker_stands_in_where_the_cloud_has_no_credentials(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.domain.errors import Unauthenticated

    def nobody(host: str, settings: object) -> Login:
        raise Unauthenticated("no credentials")

    monkeypatch.setattr("toolkit.adapters.aws.registry.login", nobody)
    with pytest.raises(Unauthenticated):
        logins(ctx)(HOST)
    kept = {"auths": {HOST: {"auth": base64.b64encode(b"AWS:y").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    assert logins(ctx)(HOST) == Login("AWS", "y")
    with Registry(HOST) as registry:
        assert registry.host == HOST
