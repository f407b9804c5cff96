"""What every provider of functions must do, shown with bundles of a few lines.

A case publishes functions under names of its own and deletes them; the provider's other functions are left alone. How
is in `deploying`; the cases of calls, versions and runs have a file each.
"""

from __future__ import annotations

import pytest

from toolkit.domain.errors import NotFound
from toolkit.domain.specs import HttpRequest
from toolkit.ports.functions import Functions
from toolkit.testing.claims import claims
from toolkit.testing.deploying import Deploy, PutBundle, Visit, answers, bundle_into, visit
from toolkit.testing.function_calls import CallsSuite
from toolkit.testing.function_runs import RunsSuite
from toolkit.testing.function_versions import VersionsSuite

__all__ = ["Deploy", "FunctionsSuite", "PutBundle", "Visit", "answers", "bundle_into", "visit"]


class FunctionsSuite(RunsSuite, VersionsSuite, CallsSuite):
    """Give the fixtures `functions` and `put_bundle`: files -> (digest, store key) of a zip in the store. `fields` are
    those of every FunctionSpec that the provider under test needs otherwise than by default (the runtime, say); `begin`
    is what the names of its functions begin with."""

    @claims("functions.versions")
    def test_functions_are_listed_by_tag(self, functions: Functions, deploy: Deploy) -> None:
        for part in ("b", "a"):
            functions.publish(deploy.spec(answers(part), part=part, tags={"case": deploy.case, "part": part}))
        assert [state.name for state in functions.list({"case": deploy.case})] == [deploy.name("a"), deploy.name("b")]
        assert [state.name for state in functions.list({"case": deploy.case, "part": "b"})] == [deploy.name("b")]
        assert list(functions.list({"case": "another"})) == []

    @claims("functions.http")
    def test_what_is_deleted_is_gone(self, functions: Functions, deploy: Deploy) -> None:
        name = deploy(answers("a"))
        functions.request(name, HttpRequest())
        functions.delete(name)
        functions.delete(name)
        for call in (
            lambda: functions.observe(name),
            lambda: functions.request(name, HttpRequest()),
            lambda: functions.event(name, {}),
            lambda: list(functions.logs(name)),
            lambda: functions.route(name, {"1": 1.0}),
        ):
            with pytest.raises(NotFound):
                call()
        assert list(functions.list({"case": deploy.case})) == []
        functions.request(deploy(answers("again")), HttpRequest())
        assert [line for line in functions.logs(name) if "never" in line.text] == []
