"""Secrets Manager: `<project>/<target>/<name>` each, so that a role can be given the secrets of one target.

A deleted secret is gone at once, without AWS's days of grace: those would keep its name taken, and a secret that was
deleted because it leaked should not be there to be restored. One that somebody deleted in the console is not found
here; setting it again restores it with the new value.

Names that the settings call `parameters` are no secrets, and lie in SSM (`parameters`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from toolkit.adapters.aws.client import again, client
from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.parameters import AwsParameters
from toolkit.domain import secret
from toolkit.domain.errors import AlreadyExists, Corrupt, NotFound, ProviderError
from toolkit.ports import Settings
from toolkit.ports.secrets import Secrets

_DELETED = "InvalidRequestException"  # "marked for deletion", and nothing else for the calls made here


def open_secrets(settings: Settings) -> Secrets:
    region, endpoint, plain = settings["region"], settings["services_endpoint"], tuple(settings.get("parameters", ()))
    secrets = AwsSecrets(settings["secrets"], client("secretsmanager", region, endpoint))
    if not plain:
        return secrets
    return ByName(plain, AwsParameters(settings["secrets"], plain, lambda: client("ssm", region, endpoint)), secrets)


class ByName:
    """`names` in `parameters`, all others in `secrets`. What lies in the wrong one, from before a name was moved in the
    settings, is neither found nor listed."""

    def __init__(self, names: tuple[str, ...], parameters: Secrets, secrets: Secrets) -> None:
        self._names, self._parameters, self._secrets = frozenset(names), parameters, secrets

    def get(self, name: str) -> str:
        return self._of(name).get(name)

    def put(self, name: str, value: str) -> None:
        self._of(name).put(name, value)

    def list(self) -> Iterator[str]:
        yield from sorted({*self._parameters.list(), *(set(self._secrets.list()) - self._names)})

    def delete(self, name: str) -> None:
        self._of(name).delete(name)

    def _of(self, name: str) -> Secrets:
        return self._parameters if name in self._names else self._secrets


class AwsSecrets:
    def __init__(self, folder: str, service: Any) -> None:
        self._folder = f"{folder}/"
        self._service = service

    def get(self, name: str) -> str:
        full = self._full(name)
        try:
            with self._translated("read", name):
                found = self._service.get_secret_value(SecretId=full)
        except ProviderError as error:
            if isinstance(error, NotFound) or code(error) == _DELETED:
                raise NotFound(f"no secret {full!r}", hint=f"toolkit secrets set {name}") from error.__cause__
            raise
        if "SecretString" not in found:
            raise Corrupt(f"secret {full!r} is not text", hint=f"toolkit secrets set {name}")
        return str(found["SecretString"])

    def put(self, name: str, value: str) -> None:
        full = self._full(name)
        secret.check_value(name, value)

        def write() -> None:
            try:
                with self._translated("write", name):
                    self._service.put_secret_value(SecretId=full, SecretString=value)
            except NotFound:
                with self._translated("write", name):
                    self._service.create_secret(Name=full, SecretString=value, Tags=_TAGS)
            except ProviderError as error:
                if code(error) == _DELETED:
                    with self._translated("restore", name):
                        self._service.restore_secret(SecretId=full)
                raise

        # Somebody made it between the two calls, or its deletion is not through yet: both pass.
        again(write, lambda error: isinstance(error, AlreadyExists) or code(error) == _DELETED)

    def list(self) -> Iterator[str]:
        wanted = [{"Key": "name", "Values": [self._folder]}]
        with translated(f"list the secrets of {self._folder}", self._service.meta.region_name):
            pages = self._service.get_paginator("list_secrets").paginate(Filters=wanted)
            names = {found["Name"] for page in pages for found in page["SecretList"]}
        own = (name.removeprefix(self._folder) for name in names if name.startswith(self._folder))
        yield from sorted(name for name in own if "/" not in name)

    def delete(self, name: str) -> None:
        full = self._full(name)
        try:
            with self._translated("delete", name):
                self._service.delete_secret(SecretId=full, ForceDeleteWithoutRecovery=True)
        except NotFound:
            return

    def _full(self, name: str) -> str:
        return self._folder + secret.check_name(name)

    def _translated(self, verb: str, name: str) -> AbstractContextManager[None]:
        return translated(f"{verb} secret {self._folder}{name}", self._service.meta.region_name)


_TAGS = [{"Key": "managed-by", "Value": "toolkit"}]
