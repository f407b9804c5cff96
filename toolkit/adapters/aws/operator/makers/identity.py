"""Roles with their one inline policy."""

from __future__ import annotations

import json

from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.operator.makers.making import Client, Properties, found, named
from toolkit.adapters.aws.operator.things import Thing


class Role:
    def __init__(self, client: Client) -> None:
        self._iam = client("iam")

    def read(self, thing: Thing) -> Properties | None:
        reply = found(f"look at role {thing.name}", lambda: self._iam.get_role(RoleName=thing.name), ("NoSuchEntity",))
        if reply is None:
            return None
        return {
            "RoleName": thing.name,
            "AssumeRolePolicyDocument": reply["Role"]["AssumeRolePolicyDocument"],
            "Policies": self._policies(thing.name),
            "Tags": reply["Role"].get("Tags", []),
        }

    def create(self, thing: Thing) -> None:
        wanted = thing.properties
        with translated(f"make role {thing.name}"):
            self._iam.create_role(
                RoleName=thing.name,
                AssumeRolePolicyDocument=json.dumps(wanted["AssumeRolePolicyDocument"]),
                Tags=wanted["Tags"],
            )
        self._put(thing)

    def update(self, thing: Thing, found: Properties) -> None:
        wanted = thing.properties
        with translated(f"change role {thing.name}"):
            if found["AssumeRolePolicyDocument"] != wanted["AssumeRolePolicyDocument"]:
                trust = json.dumps(wanted["AssumeRolePolicyDocument"])
                self._iam.update_assume_role_policy(RoleName=thing.name, PolicyDocument=trust)
            if named(found["Tags"]) != named(wanted["Tags"]):
                self._iam.tag_role(RoleName=thing.name, Tags=wanted["Tags"])
        self._put(thing)

    def _policies(self, name: str) -> list[Properties]:
        """Every inline policy: one that somebody added stands here too, and is left alone (nothing is deleted)."""
        with translated(f"read the policies of role {name}"):
            names = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
            documents = [self._iam.get_role_policy(RoleName=name, PolicyName=one) for one in names]
        own = [one for one in documents if one["PolicyName"] == "toolkit"]
        return [{"PolicyName": one["PolicyName"], "PolicyDocument": one["PolicyDocument"]} for one in own]

    def _put(self, thing: Thing) -> None:
        for policy in thing.properties["Policies"]:
            with translated(f"set the policy of role {thing.name}"):
                self._iam.put_role_policy(
                    RoleName=thing.name,
                    PolicyName=policy["PolicyName"],
                    PolicyDocument=json.dumps(policy["PolicyDocument"]),
                )
