"""What is done under faults: each deed may be broken off at any of its requests and is then done again.

A provider's tests name those that its ports can do, and add to a deed's `check` what else its service keeps.
"""

from __future__ import annotations

import time
from typing import ClassVar

import pytest

from toolkit.domain.errors import NotFound
from toolkit.domain.specs import JOB_FINAL, FunctionSpec, HttpRequest, ScheduleSpec
from toolkit.ports.jobs import Jobs
from toolkit.testing.deploying import answers
from toolkit.testing.jobs import probe
from toolkit.testing.service_faults import Deed, Ports, Site

# Functions


class PublishFirst(Deed):
    versions: ClassVar[tuple[str, ...]] = ("1",)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.functions = site.ports.functions
        self.first, self.second = (self.spec(word) for word in ("before", "after"))

    def spec(self, word: str) -> FunctionSpec:
        return self.site.deploy.spec(answers(word), part=self.name, environment={"WORD": word})

    def do(self, ports: Ports) -> None:
        assert ports.functions.publish(self.second) == self.versions[-1]

    def check(self) -> None:
        state = self.functions.observe(self.second.name)
        assert state.versions == self.versions
        assert len({*state.spec_digests.values()}) == len(self.versions)
        self.functions.delete(self.second.name)


class Publish(PublishFirst):
    """The second version of a function; one of two."""

    versions = ("1", "2")

    def prepare(self) -> None:
        self.functions.publish(self.first)


class Route(Publish):
    """With nothing routed before."""

    weights: ClassVar[dict[str, float]] = {"1": 0.75, "2": 0.25}

    def prepare(self) -> None:
        self.functions.publish(self.first)
        self.functions.publish(self.second)

    def do(self, ports: Ports) -> None:
        assert ports.functions.route(self.second.name, self.weights).state == "ready"

    def check(self) -> None:
        state = self.functions.observe(self.second.name)
        assert state.weights == self.weights
        assert state.url
        super().check()


class Reroute(Route):
    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {"1": 1.0})


class RouteOpen(Route):
    """Who may call is a request of its own."""

    def spec(self, word: str) -> FunctionSpec:
        return self.site.deploy.spec(answers(word), part=self.name, environment={"WORD": word}, auth="public")


class RemoveVersion(Route):
    """The older one, while the newer serves."""

    gone, left, word = "1", "2", b"after"

    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {self.left: 1.0})

    def do(self, ports: Ports) -> None:
        ports.functions.remove_version(self.second.name, self.gone)

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == (self.left,)
        assert self.functions.request(self.second.name, HttpRequest()).body == self.word
        self.functions.delete(self.second.name)


class RemoveNewest(RemoveVersion):
    """The newer one, while the older serves."""

    gone, left, word = "2", "1", b"before"


class DeleteFunction(Route):
    """One of two versions, to which nothing leads."""

    def do(self, ports: Ports) -> None:
        ports.functions.delete(self.second.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.functions.observe(self.second.name)


class DeleteServing(DeleteFunction, Reroute):
    """One that answers."""


# Jobs


class Submit(Deed):
    """One job, run once, however often it was asked for."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.jobs = self.of(site.ports)
        self.job = probe("print=once", name=self.name)

    def of(self, ports: Ports) -> Jobs:
        return ports.jobs

    def do(self, ports: Ports) -> None:
        done = self.of(ports).submit(self.job)
        assert self.job.name in (done.id, done.name)

    def check(self) -> None:
        assert [line.text for line in self.jobs.logs(self.name, follow=True)] == ["once"]
        assert self.ended() == "succeeded"
        assert [status.name for status in self.jobs.list()] == [self.name]
        self.jobs.delete(self.name)

    def ended(self) -> str:
        while (state := self.jobs.status(self.name).state) not in JOB_FINAL:
            time.sleep(0.02)
        return state


class Cancel(Submit):
    def prepare(self) -> None:
        self.job = probe("sleep=60", name=self.name)
        self.jobs.submit(self.job)

    def do(self, ports: Ports) -> None:
        assert self.of(ports).cancel(self.name).state == "cancelled"

    def check(self) -> None:
        assert self.jobs.status(self.name).state == "cancelled"
        self.jobs.delete(self.name)


class DeleteJob(Submit):
    def prepare(self) -> None:
        self.jobs.submit(self.job)
        self.ended()

    def do(self, ports: Ports) -> None:
        self.of(ports).delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.jobs.status(self.name)


# Schedules


class Schedule(Deed):
    def spec(self, expression: str) -> ScheduleSpec:
        function = self.site.deploy.name("called")
        return ScheduleSpec(name=self.name, expression=expression, function=function, tags={"a": "b"})

    def do(self, ports: Ports) -> None:
        ports.schedules.put(self.spec("rate(2 hours)"))

    def check(self) -> None:
        schedules = self.ports.schedules
        assert [spec for spec in schedules.list() if spec.name == self.name] == [self.spec("rate(2 hours)")]
        schedules.delete(self.name)


class Reschedule(Schedule):
    def prepare(self) -> None:
        self.ports.schedules.put(self.spec("rate(1 hour)"))


class Unschedule(Reschedule):
    def do(self, ports: Ports) -> None:
        ports.schedules.delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.ports.schedules.get(self.name)


# Secrets


class Secret(Deed):
    def do(self, ports: Ports) -> None:
        ports.secrets.put(self.name, "the-value")

    def check(self) -> None:
        secrets = self.ports.secrets
        assert secrets.get(self.name) == "the-value"
        assert list(secrets.list()).count(self.name) == 1


class ReplaceSecret(Secret):
    def prepare(self) -> None:
        self.ports.secrets.put(self.name, "before")


class DeleteSecret(ReplaceSecret):
    def do(self, ports: Ports) -> None:
        ports.secrets.delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.ports.secrets.get(self.name)
