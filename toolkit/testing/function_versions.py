"""Versions of a function and the routes to them: published once, called by weight, removed when nothing leads there."""

from __future__ import annotations

import pytest

from toolkit.domain.errors import ConfigError, Conflict, NotFound, Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest
from toolkit.ports.functions import Functions
from toolkit.testing.claims import claims
from toolkit.testing.deploying import Deploy, DeployingSuite, answers


class VersionsSuite(DeployingSuite):
    @claims("functions.versions")
    def test_equal_configuration_is_one_version(self, functions: Functions, deploy: Deploy) -> None:
        spec = deploy.spec(answers("a"))
        first = functions.publish(spec)
        assert functions.publish(spec) == first
        changed = functions.publish(deploy.spec(answers("a"), environment={"KEY": "v"}))
        assert changed != first
        state = functions.observe(spec.name)
        assert set(state.versions) == {first, changed}
        assert (state.weights, state.state) == ({}, "pending")
        assert len(set(state.spec_digests.values())) == 2

    @claims("functions.versions", "functions.beside", "functions.http")
    def test_a_route_holds_for_the_next_call_and_a_version_can_be_named(
        self, functions: Functions, deploy: Deploy
    ) -> None:
        old = functions.publish(deploy.spec(answers("old")))
        name = deploy.name()
        functions.route(name, {old: 1.0})
        assert functions.request(name, HttpRequest()).body == b"old"
        new = functions.publish(deploy.spec(answers("new")))
        assert functions.request(name, HttpRequest()).body == b"old"
        assert functions.request(name, HttpRequest(), version=new).body == b"new"
        assert functions.route(name, {new: 1.0}).weights == {new: 1.0}
        assert functions.request(name, HttpRequest()).body == b"new"
        assert functions.request(name, HttpRequest(), version=old).body == b"old"

    @claims("functions.weights", "functions.http")
    def test_traffic_splits_by_weight(self, functions: Functions, deploy: Deploy) -> None:
        one, two = (functions.publish(deploy.spec(answers(word))) for word in ("one", "two"))
        name = deploy.name()
        functions.route(name, {one: 0.75, two: 0.25})
        calls = 300
        seen = [functions.request(name, HttpRequest()).body for _ in range(calls)]
        assert set(seen) == {b"one", b"two"}
        # Five standard deviations of a binomial: a right split fails one run in two million.
        assert abs(seen.count(b"two") - calls * 0.25) <= 5 * (calls * 0.25 * 0.75) ** 0.5

    @claims("functions.versions")
    def test_wrong_routes_are_refused(self, functions: Functions, deploy: Deploy) -> None:
        version = functions.publish(deploy.spec(answers("a")))
        name = deploy.name()
        with pytest.raises(NotFound):
            functions.route(name, {"999": 1.0})
        with pytest.raises(NotFound):
            functions.route(deploy.name("other"), {version: 1.0})
        with pytest.raises(ConfigError):
            functions.route(name, {version: 0.5})
        assert functions.observe(name).weights == {}

    @claims("functions.versions")
    def test_a_version_is_removed_when_it_has_no_traffic(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(answers("old"))
        (old,) = functions.observe(name).versions
        with pytest.raises(Conflict):
            functions.remove_version(name, old)
        new = functions.publish(deploy.spec(answers("new")))
        functions.route(name, {new: 1.0})
        functions.remove_version(name, old)
        functions.remove_version(name, old)
        assert functions.observe(name).versions == (new,)
        again = functions.publish(deploy.spec(answers("old")))
        assert again not in {old, new}

    @claims("functions.versions")
    def test_what_cannot_be_published(self, functions: Functions, deploy: Deploy) -> None:
        good = deploy.spec(answers("a"))
        missing = FunctionSpec(name=good.name, bundle="0" * 64, bundle_key="bundles/" + "0" * 64, **self.fields)
        with pytest.raises(NotFound):
            functions.publish(missing)
        with pytest.raises(Unsupported):
            functions.publish(deploy.spec(answers("a"), memory_mb=10**6))
        with pytest.raises(Unsupported):
            functions.publish(deploy.spec(answers("a"), timeout_seconds=10**6))
        with pytest.raises(NotFound):
            functions.observe(good.name)
