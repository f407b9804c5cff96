"""A real registry server for tests: docker-registry on a free port of loopback, open, with passwords or with tokens."""

from __future__ import annotations

import base64
import datetime
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USER, PASSWORD = "tester", "correct horse"
# bcrypt: htpasswd -nbBC 4 tester "correct horse"
HTPASSWD = f"{USER}:$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"
ISSUER, SERVICE = "tests", "registry.test"


def program() -> str:
    """`make test` puts it beside the interpreter. Not there is a failure, never a skipped test."""
    beside = Path(sys.executable).with_name("docker-registry")
    found = str(beside) if beside.exists() else shutil.which("docker-registry")
    assert found, "docker-registry is missing: run infra/image/fetch-registry .venv/bin/docker-registry"
    return found


@dataclass
class Server:
    """`host` is "127.0.0.1:port"; `folder` holds its storage; `log` what it printed."""

    host: str
    folder: Path
    log: Path
    asked: list[dict[str, list[str]]] = field(default_factory=list)  # what the token realm was asked

    def requests(self, method: str) -> list[str]:
        """Paths of the requests of a method so far."""
        lines = self.log.read_text().splitlines()
        return [line.split(f'"{method} ')[1].split()[0] for line in lines if f'"{method} ' in line]


@contextmanager
def serving(folder: Path, auth: str = "") -> Iterator[Server]:
    """`auth`: "" for none, "htpasswd", or "token"."""
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "tests"},
    }
    server = Server(f"127.0.0.1:{port}", folder, folder / "log")
    if auth == "htpasswd":
        (folder / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    if auth == "token":
        with _realm(folder, server) as settings, _started(server, {**config, "auth": {"token": settings}}):
            yield server
    else:
        with _started(server, config):
            yield server


@contextmanager
def _started(server: Server, config: dict[str, Any]) -> Iterator[None]:
    path = server.folder / "config.yml"
    path.write_text(json.dumps(config))  # JSON is YAML
    with server.log.open("wb") as log:
        child = subprocess.Popen(
            [program(), "serve", str(path)], stdout=log, stderr=subprocess.STDOUT, cwd=server.folder
        )
    try:
        deadline = time.monotonic() + 20
        host, _, port = server.host.partition(":")
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    break
            assert child.poll() is None, server.log.read_text()
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.02)
        yield
    finally:
        child.terminate()
        child.wait(10)


@contextmanager
def _realm(folder: Path, server: Server) -> Iterator[dict[str, str]]:
    """A token server, as Docker's own specification has it: Basic or a refresh token in, a signed JWT out."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    certificate = builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    (folder / "root.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]

    class Realm(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            self._answer(query, self.headers.get("Authorization", "") == f"Basic {basic}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = urllib.parse.parse_qs(body)
            query["scope"] = [scope for text in query.get("scope", []) for scope in text.split()]
            self._answer(query, query.get("refresh_token") == [PASSWORD])

        def _answer(self, query: dict[str, list[str]], known: bool) -> None:
            server.asked.append(query)
            data = json.dumps({"token": _token(key, chain, query)} if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            pass

    realm = ThreadingHTTPServer(("127.0.0.1", 0), Realm)
    thread = threading.Thread(target=realm.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield {
            "realm": f"http://127.0.0.1:{realm.server_port}/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(folder / "root.pem"),
        }
    finally:
        realm.shutdown()
        realm.server_close()
        thread.join()


def _token(key: Any, chain: list[str], query: dict[str, list[str]]) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    access = []
    for scope in query.get("scope", []):
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": USER, "aud": SERVICE, "exp": now + 300, "nbf": now - 5, "iat": now, "jti": "1", "access": access}  # fmt: skip  # noqa: E501
    parts = [_encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "RS256", "x5c": chain}, claims)]
    signed = key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    return ".".join([*parts, _encoded(signed)])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
