"""SSM Parameter Store, for the names of `parameters` in the settings: values that are no secrets (an address, a user's
name), which cost nothing there, where a secret costs $0.40 a month. `/<folder>/<name>` each, as plain text.

Which names there are the settings say, so they are asked for by name: no right to list the account's parameters is
needed. Standard tier only, said with every write: an account's own default could be the one that is paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from toolkit.adapters.aws.errors import translated
from toolkit.domain import secret
from toolkit.domain.errors import AlreadyExists, ConfigError, Corrupt, NotFound

MAX_BYTES = 4096  # of the standard tier
AT_ONCE = 10  # names that one request may ask for
_TAGS = [{"Key": "managed-by", "Value": "toolkit"}]


class AwsParameters:
    """The same port as the secrets. `names` are all that may lie here; `service` makes the client, with the first use
    of one."""

    def __init__(self, folder: str, names: tuple[str, ...], service: Callable[[], Any]) -> None:
        self._folder, self._names, self._make = f"/{folder}/", names, service

    def get(self, name: str) -> str:
        full = self._full(name)
        with self._translated("read", name):
            found = self._service.get_parameters(Names=[full])["Parameters"]
        if not found:
            raise NotFound(f"no parameter {full!r}", hint=f"toolkit secrets set {name}")
        if found[0]["Type"] != "String":  # somebody else's: encrypted, or a list
            raise Corrupt(f"parameter {full!r} is no plain text", hint=f"toolkit secrets rm {name}, then set it")
        return str(found[0]["Value"])

    def put(self, name: str, value: str) -> None:
        full, size = self._full(name), len(secret.check_value(name, value))
        if size > MAX_BYTES:
            raise ConfigError(
                f"the value of parameter {full!r} has {size} bytes; SSM keeps {MAX_BYTES} at most",
                hint=f"take {name!r} out of parameters in [targets.<t>.aws]: Secrets Manager takes larger ones",
            )
        plain = {"Name": full, "Value": value, "Type": "String", "Tier": "Standard"}
        try:  # tags are taken with the first value only
            with self._translated("write", name):
                self._service.put_parameter(**plain, Tags=_TAGS)
        except AlreadyExists:
            with self._translated("write", name):
                self._service.put_parameter(**plain, Overwrite=True)

    def list(self) -> Iterator[str]:
        for start in range(0, len(self._names), AT_ONCE):
            asked = [self._full(name) for name in self._names[start : start + AT_ONCE]]
            with translated(f"list the parameters of {self._folder}", self._service.meta.region_name):
                found = {one["Name"] for one in self._service.get_parameters(Names=asked)["Parameters"]}
            yield from (full.removeprefix(self._folder) for full in asked if full in found)

    def delete(self, name: str) -> None:
        full = self._full(name)
        try:
            with self._translated("delete", name):
                self._service.delete_parameter(Name=full)
        except NotFound:
            return

    @cached_property
    def _service(self) -> Any:
        return self._make()

    def _full(self, name: str) -> str:
        return self._folder + secret.check_name(name)

    def _translated(self, verb: str, name: str) -> AbstractContextManager[None]:
        return translated(f"{verb} parameter {self._folder}{name}", self._service.meta.region_name)
