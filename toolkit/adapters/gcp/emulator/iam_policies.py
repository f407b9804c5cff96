"""IAM: service accounts, custom roles, and the policy of every resource that has one, with conditions.

A member has to exist, a role has to be a custom one that is there or a predefined one that is known here, a condition
needs version 3 and the part of CEL that we use, a policy is written with the etag that it was read with.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterable
from typing import Any

from google.cloud.iam_admin_v1 import types
from google.iam.v1 import iam_policy_pb2, policy_pb2

from toolkit.adapters.gcp.emulator.iam_conditions import Bad, holds
from toolkit.adapters.gcp.emulator.iam_permissions import PREDEFINED, known
from toolkit.adapters.gcp.emulator.identity import OPERATOR
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing

NUMBER = "123456789012"  # of the emulated project
STORAGE_AGENT = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
_ACCOUNT = re.compile(r"[a-z]([a-z0-9-]{4,28}[a-z0-9])")
_ROLE = re.compile(r"[A-Za-z0-9_.]{3,64}")
_MEMBER = re.compile(r"(user|group|domain|serviceAccount|principalSet|principal):\S+|allUsers|allAuthenticatedUsers")
_AGENTS = re.compile(r"service-\d+@[a-z-]+\.iam\.gserviceaccount\.com")
_NONE = b"BwAAAAAAAAA="


class Iam:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[str, Any] = {}  # e-mail -> ServiceAccount
        self.roles: dict[str, Any] = {}  # full name -> Role
        self.policies: dict[str, Any] = {}  # resource -> Policy
        self.used: set[tuple[str, str]] = set()  # (account, permission) that a policy has allowed, for tests

    def exists(self, account: str) -> bool:
        return account in self.accounts or account == OPERATOR or bool(_AGENTS.fullmatch(account))

    # Service accounts

    def create_account(self, request: Any, caller: str) -> Any:
        if not _ACCOUNT.fullmatch(request.account_id):
            raise invalid(
                f"Account id {request.account_id!r} must have 6-30 of [a-z0-9-], a letter first", "account_id"
            )
        if len(request.service_account.display_name.encode()) > 100:
            raise invalid("display_name has more than 100 bytes", "service_account.display_name")
        if len(request.service_account.description.encode()) > 256:
            raise invalid("description has more than 256 bytes", "service_account.description")
        project = request.name.partition("/")[2]
        email = f"{request.account_id}@{project}.iam.gserviceaccount.com"
        with self.lock:
            if email in self.accounts:
                raise Refused("ALREADY_EXISTS", f"Service account {request.account_id} already exists within {project}")
            account = types.ServiceAccount.pb()()
            account.CopyFrom(request.service_account)
            account.name, account.email = f"projects/{project}/serviceAccounts/{email}", email
            account.project_id, account.unique_id = project, str(uuid.uuid4().int % 10**21)
            self.accounts[email] = account
            return account

    def get_account(self, request: Any, caller: str) -> Any:
        with self.lock:
            return self._account(request.name)

    def patch_account(self, request: Any, caller: str) -> Any:
        if unknown := set(request.update_mask.paths) - {"display_name", "description"}:
            raise invalid(f"update_mask: {sorted(unknown)[0]} cannot be set", "update_mask")
        with self.lock:
            account = self._account(request.service_account.name)
            request.update_mask.MergeMessage(request.service_account, account)
            return account

    def _account(self, name: str) -> Any:
        email = name.rpartition("/")[2]
        if email not in self.accounts:
            raise Refused("NOT_FOUND", f"Unknown service account: {email}")
        return self.accounts[email]

    # Custom roles

    def create_role(self, request: Any, caller: str) -> Any:
        if not _ROLE.fullmatch(request.role_id):
            raise invalid(f"Role id {request.role_id!r} must have 3-64 of [A-Za-z0-9_.]", "role_id")
        name = f"{request.parent}/roles/{request.role_id}"
        with self.lock:
            if name in self.roles:
                raise Refused("ALREADY_EXISTS", f"A role named {request.role_id} in {request.parent} already exists.")
            role = types.Role.pb()()
            role.CopyFrom(request.role)
            role.name = name
            self._check_role(role)
            return self._keep_role(role)

    def get_role(self, request: Any, caller: str) -> Any:
        with self.lock:
            if request.name not in self.roles:
                raise Refused("NOT_FOUND", f"The role named {request.name} was not found.")
            return self.roles[request.name]

    def update_role(self, request: Any, caller: str) -> Any:
        if unknown := set(request.update_mask.paths) - {"title", "description", "included_permissions", "stage"}:
            raise invalid(f"update_mask: {sorted(unknown)[0]} cannot be set", "update_mask")
        with self.lock:
            if request.name not in self.roles:
                raise missing(request.name)
            role = types.Role.pb()()
            role.CopyFrom(self.roles[request.name])
            if request.role.etag and request.role.etag != role.etag:
                raise Refused("ABORTED", "There were concurrent policy changes.")
            request.update_mask.MergeMessage(request.role, role, replace_repeated_field=True)
            self._check_role(role)
            return self._keep_role(role)

    def _check_role(self, role: Any) -> None:
        if len(role.title) > 100 or len(role.description) > 256:
            raise invalid("A title has at most 100 characters, a description 256", "role")
        for permission in role.included_permissions:
            if not known(permission):
                raise invalid(f"Permission {permission} is not valid.", "role.included_permissions")

    def _keep_role(self, role: Any) -> Any:
        role.etag = uuid.uuid4().hex[:12].encode()
        self.roles[role.name] = role
        return role

    # Policies

    def get_policy(self, request: Any, caller: str) -> Any:
        wanted = request.options.requested_policy_version
        if wanted not in {0, 1, 3}:
            raise invalid("requested_policy_version must be 0, 1 or 3", "options.requested_policy_version")
        return self.policy(request.resource, conditions=wanted == 3)

    def policy(self, resource: str, *, conditions: bool = True) -> Any:
        found = policy_pb2.Policy(etag=_NONE)
        with self.lock:
            if resource in self.policies:
                found.CopyFrom(self.policies[resource])
        for binding in () if conditions else found.bindings:
            if binding.HasField("condition"):
                binding.role += "_withcond_" + uuid.uuid4().hex[:20]
                binding.ClearField("condition")
        return found

    def set_policy(self, request: Any, caller: str) -> Any:
        with self.lock:
            held, policy = self.policy(request.resource), policy_pb2.Policy()
            policy.CopyFrom(request.policy)
            if policy.etag and policy.etag != held.etag:
                raise Refused("ABORTED", "There were concurrent policy changes. Please retry the whole operation.")
            for binding in policy.bindings:
                self._check_binding(binding, policy.version, request.resource)
            policy.etag = uuid.uuid4().hex[:12].encode()
            self.policies[request.resource] = policy
            return policy

    def test(self, request: Any, caller: str) -> Any:
        if unknown := [one for one in request.permissions if not known(one)]:
            raise invalid(f"Permission {unknown[0]} is not valid.", "permissions")
        allowed = [one for one in request.permissions if self.allows(caller, one, [request.resource], used=False)]
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=allowed)

    def allows(
        self, caller: str, permission: str, resources: Iterable[str], name: str = "", *, used: bool = True
    ) -> bool:
        """Whether a binding on one of `resources` lets `caller`; `name` is what a condition sees as resource.name. The
        operator is the project's owner. `used`: it is about to be done, not only asked about."""
        if caller == OPERATOR:
            return True
        with self.lock:
            for resource in resources:
                for binding in self.policy(resource).bindings:
                    if not {f"serviceAccount:{caller}", "allUsers", "allAuthenticatedUsers"} & set(binding.members):
                        continue
                    if permission not in self._permissions(binding.role):
                        continue
                    if not binding.HasField("condition") or holds(binding.condition.expression, name or resource):
                        self.used |= {(caller, permission)} if used else set()
                        return True
        return False

    def _permissions(self, role: str) -> set[str]:
        custom = self.roles.get(role)
        return set(custom.included_permissions) if custom is not None else set(PREDEFINED.get(role, ()))

    def _check_binding(self, binding: Any, version: int, resource: str) -> None:
        where = "policy.bindings"
        if not binding.members:
            raise invalid(f"Role {binding.role!r} needs members.", where)
        if binding.role not in self.roles and binding.role not in PREDEFINED:
            raise invalid(f"Role {binding.role} is not supported for this resource.", where)
        for member in binding.members:
            if not _MEMBER.fullmatch(member):
                raise invalid(f"Invalid member {member!r}", where)
            account = member.removeprefix("serviceAccount:")
            if account != member and not self.exists(account):
                raise invalid(f"Service account {account} does not exist.", where)
        if binding.HasField("condition"):
            if version != 3:
                raise invalid("A policy with conditions must be of version 3.", "policy.version")
            if not binding.condition.title or len(binding.condition.title) > 100:
                raise invalid("A condition needs a title of at most 100 characters.", where)
            if "/" in resource.removeprefix("projects/") and not resource.startswith("projects/_/buckets/"):
                raise invalid("Conditions are not allowed on this resource.", where)
            try:
                holds(binding.condition.expression, "")
            except Bad as error:
                raise invalid(f"Condition expression compilation failed: {error}", where) from error
