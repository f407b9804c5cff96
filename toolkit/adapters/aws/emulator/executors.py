"""The executors around moto, and the shape that each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.adapters.aws.emulator.wire import Call, Reply

# "module:Class", asked in this order.
EXECUTORS: tuple[str, ...] = (
    "toolkit.adapters.aws.emulator.bucket_policies:BucketPolicies",
    "toolkit.adapters.aws.emulator.functions.executor:Lambda",
    "toolkit.adapters.aws.emulator.batch.executor:Batch",
    "toolkit.adapters.aws.emulator.schedules:Scheduler",
    "toolkit.adapters.aws.emulator.simulator:Simulator",
    "toolkit.adapters.aws.emulator.notifications:Notifications",
)


def _closed(call: Call) -> Reply:
    raise RuntimeError("the emulator is not up yet")


@dataclass
class Home:
    """`address` is the emulator's own (for endpoints that are told to what runs), `folder` a place for files that is
    gone with the emulator unless it was given, `credentials` the key id and secret that callers sign with; `ask` puts a
    call to the whole emulator, as over the wire (never while the lock is held)."""

    address: str
    folder: Path
    account: str
    credentials: tuple[str, str] = ("test", "test")
    ask: Callable[[Call], Reply] = _closed

    def signed(self, service: str, region: str) -> dict[str, str]:
        """The header that says which service a call of our own is for."""
        scope = f"{self.credentials[0]}/20260101/{region}/{service}/aws4_request"
        return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def environment(self, region: str) -> dict[str, str]:
        """What a job or a function finds in its environment, as from its role: fixed credentials and the region."""
        key, secret = self.credentials
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region, "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip


class Executor(Protocol):
    """Made as `Class(moto, home)` before the first call; used from many threads at once."""

    def before(self, call: Call) -> Reply | None:
        """Answer it, or None: the next executor, and in the end moto. The lock is not held."""
        ...

    def after(self, call: Call, reply: Reply) -> Reply:
        """What moto answered to a call that nobody answered before, as it is or changed. The lock is not held."""
        ...

    def close(self) -> None:
        """Nothing that it started is left afterwards."""
        ...


class Chain:
    """Every executor around one moto."""

    def __init__(self, moto: Moto, home: Home, named: Sequence[str] = EXECUTORS) -> None:
        self._moto = moto
        self._executors: list[Executor] = []
        for name in named:
            module, _, attribute = name.partition(":")
            self._executors.append(getattr(import_module(module), attribute)(moto, home))
        home.ask = self

    def __call__(self, call: Call) -> Reply:
        for executor in self._executors:
            if (reply := executor.before(call)) is not None:
                return reply
        reply = self._moto.ask(call)
        for executor in self._executors:
            reply = executor.after(call, reply)
        return reply

    def close(self) -> None:
        for executor in reversed(self._executors):
            executor.close()
