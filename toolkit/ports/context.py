"""What a lifecycle step is given: the project, its target, the opened ports, who acts, and where progress goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from toolkit.domain import times

if TYPE_CHECKING:
    from toolkit.domain.config import Project
    from toolkit.domain.specs import Binding
    from toolkit.ports.alerts import Alerts
    from toolkit.ports.functions import Functions
    from toolkit.ports.jobs import Jobs
    from toolkit.ports.metrics import Metrics
    from toolkit.ports.provider import Provider
    from toolkit.ports.schedules import Schedules
    from toolkit.ports.secrets import Secrets
    from toolkit.ports.signer import Signer
    from toolkit.ports.store import Store
    from toolkit.ports.watches import Watches


class Reporter(Protocol):
    """Progress, on stderr. `track` is a bar on a TTY and a plain line now and then elsewhere; `say` is one line."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def track(self, what: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """Yields `advance(n)`. `total` is in whatever `n` counts; None when it is not known."""
        ...


class Silent:
    """A Reporter that says nothing: functions, tests, library use."""

    def say(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    @contextmanager
    def track(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        yield lambda n: None


@dataclass
class Context:
    """Ports open on first use. `directory` is where toolkit.toml lies (an empty folder inside a cloud)."""

    project: Project
    target: str
    directory: Path
    bindings: dict[str, Binding]
    providers: dict[str, Provider]
    opener: Callable[[str, Binding], Any]
    actor: str = ""
    report: Reporter = field(default_factory=Silent)
    clock: Callable[[], str] = times.now
    signer_binding: Binding | None = None

    @cached_property
    def store(self) -> Store:
        port: Store = self._open("store")
        return port

    @cached_property
    def shelf(self) -> Store:
        """Where the provider of the functions finds their bundles: its own store, if the target's is another's."""
        theirs = self.bindings["functions"]
        if theirs == self.bindings["store"] or "store" not in self.providers[theirs.provider].ports:
            return self.store
        port: Store = self.opener("store", theirs)
        return port

    @cached_property
    def jobs(self) -> Jobs:
        port: Jobs = self._open("jobs")
        return port

    @cached_property
    def functions(self) -> Functions:
        port: Functions = self._open("functions")
        return port

    @cached_property
    def schedules(self) -> Schedules:
        port: Schedules = self._open("schedules")
        return port

    @cached_property
    def secrets(self) -> Secrets:
        port: Secrets = self._open("secrets")
        return port

    @cached_property
    def alerts(self) -> Alerts:
        port: Alerts = self._open("alerts")
        return port

    @cached_property
    def metrics(self) -> Metrics:
        port: Metrics = self._open("metrics")
        return port

    @cached_property
    def watches(self) -> Watches:
        """Of the store's provider. Unsupported where it has none."""
        port: Watches = self.opener("watches", self.bindings["store"])
        return port

    @cached_property
    def signer(self) -> Signer | None:
        """Who holds the private keys; None where nobody was named (a job in a cloud)."""
        return self.opener("signer", self.signer_binding) if self.signer_binding else None

    def _open(self, port: str) -> Any:
        return self.opener(port, self.bindings[port])

    def provider(self, port: str) -> Provider:
        """The declaration of whoever offers `port` on this target: its claims and limits."""
        return self.providers[self.bindings[port].provider]

    def tags(self, **more: str) -> dict[str, str]:
        return {"managed-by": "toolkit", "project": self.project.name, "target": self.target, **more}
