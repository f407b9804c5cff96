"""Against a real registry server: Debian's docker-registry, open, with passwords and with tokens."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packaging.oci import bases, faults, server
from tests.packaging.oci.faults import Proxy
from tests.packaging.oci.server import PASSWORD, USER, Server
from toolkit.domain import digest, oci
from toolkit.domain.errors import Corrupt, NotFound, ToolkitError, Unauthenticated, Unavailable, Unsupported
from toolkit.packaging.oci import logins, reference, transfer, wire
from toolkit.packaging.oci.layout import Built
from toolkit.packaging.oci.registry import Registry
from toolkit.packaging.oci.transfer import Pushed
from toolkit.ports.registry import Login

from .conftest import made

pytestmark = pytest.mark.slow

ME = Login(USER, PASSWORD)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "RETRY_SECONDS", 5.0)
    monkeypatch.setattr(wire, "ATTEMPTS", 4)


def push(built: Built, host: str, name: str = "team/shop:1", login: Login | None = None, **how: object) -> Pushed:
    with Registry(host, lambda asked: login if asked == host else None) as registry:
        return transfer.push(built, reference.parse(f"{host}/{name}"), registry, **how)  # type: ignore[arg-type]


def pull(host: str, name: str = "team/shop:1", login: Login | None = None) -> Built:
    with Registry(host, lambda asked: login) as registry:
        return transfer.pull(reference.parse(f"{host}/{name}"), registry, "amd64")


def contents(built: Built) -> dict[str, str]:
    def digest_of(found: bytes | Path) -> str:
        return digest.of_bytes(found) if isinstance(found, bytes) else digest.of_file(found)

    return {entry.digest: f"sha256:{digest_of(built.open(entry))}" for entry in built.blobs()}


def test_what_was_pushed_comes_back(small: Built, own_cache: Path, open_registry: Server) -> None:
    sent: list[int] = []
    done = push(small, open_registry.host, advance=sent.append)
    assert (done.digest, done.uploaded, done.there, done.named) == (small.digest, 5, 0, True)
    assert sum(sent) == done.sent == sum(entry.size for entry in small.blobs())
    shutil.rmtree(own_cache)  # nothing of ours is left to read from
    back = pull(open_registry.host)
    assert (back.digest, back.manifest, back.image) == (small.digest, small.manifest, small.image)
    assert all(named == found for named, found in contents(back).items())
    assert pull(open_registry.host, f"team/shop@{small.digest}").digest == small.digest


def test_a_second_push_sends_nothing(small: Built, open_registry: Server) -> None:
    push(small, open_registry.host, "team/twice:1")
    before = len(open_registry.requests("PUT")), len(open_registry.requests("POST"))
    again = push(small, open_registry.host, "team/twice:1")
    assert (again.uploaded, again.sent, again.there, again.named) == (0, 0, 5, False)
    assert (len(open_registry.requests("PUT")), len(open_registry.requests("POST"))) == before


def test_a_new_model_sends_one_layer(small: Built, tmp_path: Path, open_registry: Server) -> None:
    push(small, open_registry.host, "team/model:1")
    second = push(made(bases.looks_like_one(tmp_path / "base"), model=b"another"), open_registry.host, "team/model:2")
    assert (second.uploaded, second.there) == (2, 3)  # the model and the configuration
    assert second.sent < 3_000


def test_blobs_are_mounted_from_the_base(small: Built, open_registry: Server) -> None:
    push(small, open_registry.host, "base/python:3")
    done = push(small, open_registry.host, "team/mounted:1", source="base/python")
    assert (done.uploaded, done.mounted, done.sent) == (0, 5, 0)
    done = push(small, open_registry.host, "team/unmounted:1", source="no/such")
    assert (done.uploaded, done.mounted) == (5, 0)


def test_an_upload_in_parts(small: Built, open_registry: Server) -> None:
    push(small, open_registry.host, "team/parts:1", chunk=100)
    assert any("team/parts" in path for path in open_registry.requests("PATCH"))
    assert pull(open_registry.host, "team/parts:1").digest == small.digest


@pytest.fixture
def proxy(open_registry: Server) -> Iterator[Proxy]:
    with faults.before(open_registry.host) as found:
        yield found


def test_parts_where_a_proxy_refuses_the_size(small: Built, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.packaging.oci.registry.CHUNK", 200)
    proxy.fault = lambda method, path, length: "413" if length > 600 and "/blobs/" in path else ""
    sent: list[int] = []
    done = push(small, proxy.host, "team/narrow:1", advance=sent.append)
    assert done.uploaded == 5
    assert sum(sent) == done.sent
    assert "PATCH" in {method for method, _ in proxy.seen}


LOST = {
    "blob": faults.once("lose", "PUT", "/blobs/uploads/"),
    "begin": faults.once("lose", "POST", "/blobs/uploads/"),
    "manifest": faults.once("lose", "PUT", "/manifests/"),
    "look": faults.once("lose", "HEAD", "/blobs/"),
    "busy": faults.once("503", "PUT", "/blobs/uploads/"),
    "throttled": faults.once("429", "POST", "/blobs/uploads/"),
}


@pytest.mark.parametrize("which", LOST)
def test_a_lost_reply_is_found_out(which: str, small: Built, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "AT_ONCE", 1)
    proxy.fault = LOST[which]
    sent: list[int] = []
    done = push(small, proxy.host, f"team/lost-{which}:1", advance=sent.append)
    assert sum(sent) == done.sent
    assert pull(proxy.host, f"team/lost-{which}:1").digest == small.digest
    puts = [path for method, path in proxy.seen if method == "PUT"]
    # what was applied is not sent again
    assert len(puts) == (7 if which == "busy" else 6)


def test_a_torn_download_goes_on_where_it_stopped(
    small: Built, proxy: Proxy, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(small, proxy.host, "team/torn:1")
    shutil.rmtree(own_cache)
    proxy.fault = faults.once("tear", "GET", small.manifest.layers[-3].digest)
    assert all(named == found for named, found in contents(pull(proxy.host, "team/torn:1")).items())


def test_passwords(small: Built, tmp_path: Path) -> None:
    with server.serving(tmp_path / "registry", "htpasswd") as found:
        with pytest.raises(Unauthenticated, match="asks who you are"):
            push(small, found.host)
        with pytest.raises(Unauthenticated):
            push(small, found.host, login=Login(USER, "wrong"))
        assert push(small, found.host, login=ME).uploaded == 5
        assert push(small, found.host, login=ME).sent == 0
        assert pull(found.host, login=ME).digest == small.digest
        with pytest.raises(Unauthenticated):
            pull(found.host)


def test_tokens(small: Built, tmp_path: Path) -> None:
    with server.serving(tmp_path / "registry", "token") as found:
        for nobody in (None, Login(USER, "wrong"), Login("", token="wrong")):
            with pytest.raises(Unauthenticated):
                push(small, found.host, login=nobody)
        found.asked.clear()
        assert push(small, found.host, "a/one:1", login=ME).uploaded == 5
        assert {scope for asked in found.asked for scope in asked["scope"]} == {
            "repository:a/one:pull",
            "repository:a/one:pull,push",
        }
        assert push(small, found.host, "a/two:1", login=ME, source="a/one").mounted == 5
        assert pull(found.host, "a/two:1", login=Login("", token=PASSWORD)).digest == small.digest
        assert found.asked[-1]["grant_type"] == ["refresh_token"]


def test_docker_logins_are_used(small: Built, tmp_path: Path, own_cache: Path) -> None:
    with server.serving(tmp_path / "registry", "htpasswd") as found:
        (tmp_path / "docker").mkdir()
        kept = {"auths": {found.host: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}}
        (tmp_path / "docker" / "config.json").write_text(json.dumps(kept))
        with Registry(found.host, logins.docker) as registry:
            assert transfer.push(small, reference.parse(f"{found.host}/a/b:1"), registry).uploaded == 5


def _damaged(built: Built, tmp_path: Path) -> Built:
    layer = built.manifest.layers[-1]
    copy = tmp_path / "damaged"
    data = bytearray(built.files[layer.digest].read_bytes())
    data[20] ^= 1
    copy.write_bytes(bytes(data))
    return Built(built.manifest, built.image, built.descriptor, {**built.files, layer.digest: copy}, built.documents)


def test_a_damaged_layer_is_not_pushed(small: Built, tmp_path: Path, open_registry: Server) -> None:
    with pytest.raises(Corrupt, match="not what its digest says"):
        push(_damaged(small, tmp_path), open_registry.host, "team/damaged:1")
    with pytest.raises(NotFound):
        pull(open_registry.host, "team/damaged:1")


def test_a_registry_that_lies_is_caught(small: Built, open_registry: Server, own_cache: Path) -> None:
    push(small, open_registry.host, "team/lies:1")
    shutil.rmtree(own_cache)
    named = oci.hexadecimal(small.manifest.layers[-1].digest)
    stored = next((open_registry.folder / "data").rglob(f"{named}/data"))
    kept = stored.read_bytes()
    try:
        stored.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(Corrupt, match="not what its digest says"):
            pull(open_registry.host, "team/lies:1")
        assert not list(own_cache.glob(f"oci-blobs/{named}"))
        stored.write_bytes(kept + b"more")
        with pytest.raises(Corrupt, match="more bytes"):
            pull(open_registry.host, "team/lies:1")
    finally:
        stored.write_bytes(kept)


def test_an_index_gives_the_platform(tmp_path: Path, own_cache: Path, open_registry: Server) -> None:
    built = {arch: bases.looks_like_one(tmp_path / arch, arch) for arch in ("amd64", "arm64")}
    for arch, one in built.items():
        push(one, open_registry.host, f"base/multi:{arch}")
    entries = tuple(one.descriptor for one in built.values())
    data = digest.canonical(oci.Index(schema_version=2, media_type=oci.INDEX, manifests=entries))
    with Registry(open_registry.host) as registry:
        registry.put_manifest("base/multi", "3", data, oci.INDEX)
        where = reference.parse(f"{open_registry.host}/base/multi:3")
        for arch, one in built.items():
            assert transfer.pull(where, registry, arch).digest == one.digest
        with pytest.raises(Unsupported, match="linux/amd64, linux/arm64"):
            transfer.pull(where, registry, "riscv64")


WRONG: dict[str, tuple[str, type[ToolkitError]]] = {
    "no tag": ("team/shop:none", NotFound),
    "no repository": ("no/such:1", NotFound),
    "no digest": (f"team/shop@sha256:{'0' * 64}", NotFound),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_there(case: str, own_cache: Path, open_registry: Server) -> None:
    name, kind = WRONG[case]
    with pytest.raises(kind) as caught:
        pull(open_registry.host, name)
    assert caught.value.hint


def test_nobody_answers(small: Built, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ATTEMPTS", 2)
    with pytest.raises(Unavailable, match="does not answer"):
        push(small, nobody)


Refuse = Callable[[str, str, int], str]
REFUSALS: dict[str, tuple[str, str]] = {
    "403": ("PermissionDenied", "the right to push"),
    "404": ("NotFound", "create the repository"),
    "507": ("StorageFull", ""),
    "400": ("Unsupported", ""),
    "500": ("Unavailable", "again"),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_refusals_are_ours(status: str, small: Built, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ATTEMPTS", 2)
    proxy.fault = lambda method, path, length: status if method == "POST" else ""
    with pytest.raises(ToolkitError) as caught:
        push(small, proxy.host, "team/refused:1")
    assert (caught.value.code, REFUSALS[status][1] in caught.value.hint) == (REFUSALS[status][0], True)
