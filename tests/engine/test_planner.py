"""The planner: deterministic, converges, refuses before anything is changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.local import PROVIDER
from toolkit.domain.errors import PlanError
from toolkit.domain.plan import Desired, Observed, Plan
from toolkit.engine.planner import plan, removal
from toolkit.ports.provider import Provider

KINDS = ["bundle", "function", "route", "schedule"]
desired_lists = st.lists(
    st.builds(Desired, kind=st.sampled_from(KINDS), name=st.sampled_from("abc"), digest=st.sampled_from("123")),
    unique_by=lambda d: (d.kind, d.name),
).map(lambda things: sorted(things, key=lambda d: KINDS.index(d.kind)))
observed_lists = st.lists(
    st.builds(
        Observed,
        kind=st.sampled_from(KINDS),
        name=st.sampled_from("abc"),
        digests=st.lists(st.sampled_from("123"), max_size=2).map(tuple),
    ),
    unique_by=lambda o: (o.kind, o.name),
)


def local(port: str) -> Provider:
    return PROVIDER


def applied(made: Plan, desired: list[Desired], observed: list[Observed]) -> list[Observed]:
    """What is there after carrying the plan out."""
    here = {(o.kind, o.name): o for o in observed}
    digests = {(d.kind, d.name): d.digest for d in desired}
    for action in made.changes:
        key = (action.kind, action.name)
        if action.action == "delete":
            del here[key]
        else:
            here[key] = Observed(kind=action.kind, name=action.name, digests=(digests[key],))
    return list(here.values())


@given(desired_lists, observed_lists)
def test_the_second_plan_is_empty(desired: list[Desired], observed: list[Observed]) -> None:
    first = plan("dev", desired, observed, local)
    assert plan("dev", desired, observed, local) == first
    assert plan("dev", desired, applied(first, desired, observed), local).changes == ()


@given(desired_lists, observed_lists)
def test_dependencies_come_first_and_go_last(desired: list[Desired], observed: list[Observed]) -> None:
    made = plan("dev", desired, observed, local)
    built = [KINDS.index(a.kind) for a in made.actions if a.action != "delete"]
    assert built == sorted(built)
    gone = [KINDS.index(a.kind) for a in removal("dev", observed, KINDS).actions]
    assert gone == sorted(gone, reverse=True)


def test_what_the_provider_cannot_do_is_refused_with_every_reason() -> None:
    bare = Provider(
        name="bare", title="", ports={}, settings="", claims=frozenset(), limits={"function_memory_mb": 512}
    )
    wanted = Desired(
        kind="function",
        name="f",
        digest="1",
        port="functions",
        needs=("functions.http", "functions.weights"),
        limits=(("function_memory_mb", 1024),),
    )
    with pytest.raises(PlanError) as caught:
        plan("edge", [wanted], [], lambda port: bare)
    for said in ("functions.http", "functions.weights", "function_memory_mb 1,024", "limit of 512"):
        assert said in str(caught.value)


def test_what_must_stay_for_rollback_is_not_deleted() -> None:
    older = Observed(kind="bundle", name="old", digests=("0",), removable=False)
    assert plan("dev", [], [older], local).changes == ()
