"""Bindings on one resource: read, changed and written with the etag they were read with.

Roles of the target are exactly as they should be: a member or a binding too many is taken away. Of predefined roles
ours are there, and who else has them is not our business.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import stamina

from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.errors import status_of
from toolkit.adapters.gcp.operator.things import Thing
from toolkit.domain.errors import ConfigError, NotFound, PreconditionFailed

Body = dict[str, Any]
VERSION = 3  # conditions
NEW_SECONDS = 60.0  # in which an account or role that was just made becomes known everywhere


class Policy:
    """`posts`: the API reads policies by POST; `bucket`: Cloud Storage's own way."""

    def __init__(self, api: Api, own: str, *, posts: bool = False, bucket: bool = False) -> None:
        self._api, self._own, self._posts, self._bucket = api, own, posts, bucket

    def read(self, thing: Thing) -> Body | None:
        try:
            held = self._get(thing).get("bindings", [])
        except NotFound:
            return None
        wanted = thing.body["bindings"]
        ours = [one for one in held if one["role"].startswith(self._own)]
        for one in wanted:
            if not one["role"].startswith(self._own):
                there = _members(held, one)
                ours.append(one if set(one["members"]) <= there else {**one, "members": sorted(there)})
        return {"bindings": _plain(ours, wanted)}

    def create(self, thing: Thing) -> None:
        self.update(thing, {})

    def update(self, thing: Thing, seen: Body) -> None:
        """Again where somebody changed it in between, and while what it names is not known everywhere."""
        stamina.RetryingCaller(attempts=12, timeout=NEW_SECONDS, wait_initial=0.1, wait_max=10.0).on(_passes)(
            self._change, thing
        )

    def _change(self, thing: Thing) -> None:
        policy = self._get(thing)
        kept = [one for one in policy.get("bindings", []) if not one["role"].startswith(self._own)]
        for one in thing.body["bindings"]:
            same = next((held for held in kept if _key(held) == _key(one)), None)
            if same is None:
                kept.append(one)
            else:
                same["members"] = sorted({*same["members"], *one["members"]})
        self._set(thing, {"version": VERSION, "etag": policy.get("etag", ""), "bindings": kept})

    def _get(self, thing: Thing) -> Body:
        what = f"read the policy of {thing.name}"
        if self._bucket:
            return self._api.get(what, f"{self._path(thing)}/iam", optionsRequestedPolicyVersion=VERSION)
        path = f"{thing.name}:getIamPolicy"
        if self._posts:
            return self._api.call(what, "POST", path, {"options": {"requestedPolicyVersion": VERSION}})
        return self._api.get(what, path, **{"options.requestedPolicyVersion": VERSION})

    def _set(self, thing: Thing, policy: Body) -> None:
        what = f"set the policy of {thing.name}"
        if self._bucket:
            self._api.call(what, "PUT", f"{self._path(thing)}/iam", policy)
        else:
            self._api.call(what, "POST", f"{thing.name}:setIamPolicy", {"policy": policy})

    def _path(self, thing: Thing) -> str:
        return f"b/{quote(thing.name.rpartition('/')[2])}"


def _passes(error: Exception) -> bool:
    if isinstance(error, ConfigError):
        return "does not exist" in error.message or "is not supported" in error.message
    return isinstance(error, PreconditionFailed) or status_of(error) in {409, 412}


def _key(binding: Body) -> tuple[str, str]:
    return binding["role"], binding.get("condition", {}).get("expression", "")


def _members(held: list[Body], wanted: Body) -> set[str]:
    return {member for one in held if _key(one) == _key(wanted) for member in one["members"]}


def _plain(found: list[Body], wanted: list[Body]) -> list[Body]:
    """In the order in which they are wanted, members sorted; what is too many comes last."""
    order = {_key(one): number for number, one in enumerate(wanted)}
    sortable = [{**one, "members": sorted(one["members"])} for one in found]
    return sorted(sortable, key=lambda one: (order.get(_key(one), len(order)), str(one)))
