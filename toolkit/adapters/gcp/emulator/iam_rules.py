"""The methods of what is not a function or a job: schedules, and what an operator makes (see `rules`)."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.empty_pb2 import Empty

from toolkit.adapters.gcp.emulator.iam_pools import Pools
from toolkit.adapters.gcp.emulator.iam_services import Queues, project
from toolkit.adapters.gcp.emulator.identity import LIVES
from toolkit.adapters.gcp.emulator.refused import Refused
from toolkit.adapters.gcp.emulator.rest import Method
from toolkit.adapters.gcp.emulator.rules import message_of, of_transport
from toolkit.adapters.gcp.emulator.site import Site


def methods(site: Site) -> dict[str, tuple[Method, ...]]:
    return {
        "cloudscheduler.googleapis.com": _scheduler(site),
        "pubsub.googleapis.com": _pubsub(site),
        "iam.googleapis.com": _iam(site),
        "cloudresourcemanager.googleapis.com": _projects(site),
        "artifactregistry.googleapis.com": _registry(site),
        "serviceusage.googleapis.com": _usage(site),
        "cloudtasks.googleapis.com": _queues(site),
        "iamcredentials.googleapis.com": _tokens(site),
        "www.googleapis.com": (Method("get", "/oauth2/v3/userinfo", Empty, lambda asked, caller: {"email": caller}),),
    }


def _tokens(site: Site) -> tuple[Method, ...]:
    """Being another account, for who may."""
    from google.cloud.iam_credentials_v1 import types
    from google.cloud.iam_credentials_v1.services.iam_credentials.transports import rest_base

    def generate(request: Any, caller: str) -> Any:
        account = request.name.rpartition("/")[2]
        where = f"projects/{account.partition('@')[2].partition('.')[0]}/serviceAccounts/{account}"
        if not site.iam.exists(account):
            raise Refused("NOT_FOUND", f"Unknown service account: {account}")
        if not site.iam.allows(caller, "iam.serviceAccounts.getAccessToken", [where]):
            raise Refused("PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource.")
        answer = types.GenerateAccessTokenResponse.pb()(access_token=site.identity.access(account))
        answer.expire_time.FromSeconds(int(time.time()) + LIVES)
        return answer

    rule = (types.GenerateAccessTokenRequest, generate, ("scope",))
    return of_transport(rest_base._BaseIAMCredentialsRestTransport, {"GenerateAccessToken": rule})


def _scheduler(site: Site) -> tuple[Method, ...]:
    from google.cloud.scheduler_v1 import types
    from google.cloud.scheduler_v1.services.cloud_scheduler.transports import rest_base

    jobs = site.scheduler
    target = ("job.http_target.uri", "job.http_target.oidc_token", "job.http_target.oidc_token.service_account_email")
    return of_transport(
        rest_base._BaseCloudSchedulerRestTransport,
        {
            "CreateJob": (types.CreateJobRequest, jobs.create, ("job", "job.schedule", *target)),
            "GetJob": (types.GetJobRequest, jobs.get, ()),
            "ListJobs": (types.ListJobsRequest, jobs.list, ()),
            "UpdateJob": (types.UpdateJobRequest, jobs.update, ("job", "update_mask", *target)),
            "DeleteJob": (types.DeleteJobRequest, jobs.delete, ()),
            "PauseJob": (types.PauseJobRequest, jobs.pause, ()),
            "ResumeJob": (types.ResumeJobRequest, jobs.resume, ()),
        },
    )


def _pubsub(site: Site) -> tuple[Method, ...]:
    from google.iam.v1 import iam_policy_pb2
    from google.pubsub_v1 import types
    from google.pubsub_v1.services.publisher.transports import rest_base as publisher
    from google.pubsub_v1.services.subscriber.transports import rest_base as subscriber

    topics = site.topics
    return (
        *of_transport(
            publisher._BasePublisherRestTransport,
            {
                "GetTopic": (types.GetTopicRequest, topics.get, ()),
                "UpdateTopic": (types.UpdateTopicRequest, topics.update, ("update_mask",)),
                "GetIamPolicy": (iam_policy_pb2.GetIamPolicyRequest, site.iam.get_policy, ()),
                "SetIamPolicy": (iam_policy_pb2.SetIamPolicyRequest, site.iam.set_policy, ("policy",)),
            },
        ),
        *of_transport(
            subscriber._BaseSubscriberRestTransport,
            {
                "GetSubscription": (types.GetSubscriptionRequest, topics.subscription, ()),
                "UpdateSubscription": (
                    types.UpdateSubscriptionRequest, topics.update_subscription, ("update_mask",),
                ),
                "DeleteSubscription": (types.DeleteSubscriptionRequest, topics.unsubscribe, ()),
            },
        ),
    )  # fmt: skip


def _iam(site: Site) -> tuple[Method, ...]:
    """Packaged for gRPC only: the paths are from the REST reference."""
    from google.cloud.iam_admin_v1 import types
    from google.iam.v1 import iam_policy_pb2 as policies

    iam, account, role = site.iam, "projects/*/serviceAccounts/*", "projects/*/roles/*"
    create, change = message_of(types.CreateServiceAccountRequest), message_of(types.PatchServiceAccountRequest)
    make, update = message_of(types.CreateRoleRequest), message_of(types.UpdateRoleRequest)
    look, read = message_of(types.GetServiceAccountRequest), message_of(types.GetRoleRequest)
    return (
        Method("post", "/v1/{name=projects/*}/serviceAccounts", create, iam.create_account, "*", ("account_id",)),
        Method("get", f"/v1/{{name={account}}}", look, iam.get_account),
        Method("patch", f"/v1/{{service_account.name={account}}}", change, iam.patch_account, "*", ("update_mask",)),
        Method("post", f"/v1/{{resource={account}}}:getIamPolicy", policies.GetIamPolicyRequest, iam.get_policy, "*"),
        Method(
            "post", f"/v1/{{resource={account}}}:setIamPolicy", policies.SetIamPolicyRequest, iam.set_policy, "*",
            ("policy",),
        ),
        Method(
            "post", "/v1/{parent=projects/*}/roles", make, iam.create_role, "*",
            ("role_id", "role", "role.title", "role.included_permissions"),
        ),
        Method("get", f"/v1/{{name={role}}}", read, iam.get_role),
        Method("patch", f"/v1/{{name={role}}}", update, iam.update_role, "role"),
        *Pools().methods(),
    )  # fmt: skip


def _projects(site: Site) -> tuple[Method, ...]:
    from google.cloud.resourcemanager_v3 import types
    from google.cloud.resourcemanager_v3.services.projects.transports import rest_base
    from google.iam.v1 import iam_policy_pb2 as policies

    iam = site.iam
    return of_transport(
        rest_base._BaseProjectsRestTransport,
        {
            "GetProject": (types.GetProjectRequest, project, ()),
            "GetIamPolicy": (policies.GetIamPolicyRequest, iam.get_policy, ()),
            "SetIamPolicy": (policies.SetIamPolicyRequest, iam.set_policy, ("policy",)),
            "TestIamPermissions": (policies.TestIamPermissionsRequest, iam.test, ("permissions",)),
        },
    )


def _registry(site: Site) -> tuple[Method, ...]:
    from google.cloud.artifactregistry_v1 import types
    from google.cloud.artifactregistry_v1.services.artifact_registry.transports import rest_base
    from google.iam.v1 import iam_policy_pb2 as policies
    from google.longrunning import operations_pb2

    kept = site.registries
    needs = ("repository_id", "repository", "repository.format_")
    return of_transport(
        rest_base._BaseArtifactRegistryRestTransport,
        {
            "CreateRepository": (types.CreateRepositoryRequest, kept.create, needs),
            "GetRepository": (types.GetRepositoryRequest, kept.get, ()),
            "UpdateRepository": (types.UpdateRepositoryRequest, kept.update, ("repository", "update_mask")),
            "GetOperation": (operations_pb2.GetOperationRequest, kept.operations.get, ()),
            "GetIamPolicy": (policies.GetIamPolicyRequest, site.iam.get_policy, ()),
            "SetIamPolicy": (policies.SetIamPolicyRequest, site.iam.set_policy, ("policy",)),
        },
    )


def _usage(site: Site) -> tuple[Method, ...]:
    from google.cloud.service_usage_v1 import types
    from google.cloud.service_usage_v1.services.service_usage.transports import rest_base
    from google.longrunning import operations_pb2

    return of_transport(
        rest_base._BaseServiceUsageRestTransport,
        {
            "BatchGetServices": (types.BatchGetServicesRequest, site.usage.get, ("names",)),
            "BatchEnableServices": (types.BatchEnableServicesRequest, site.usage.enable, ("service_ids",)),
            "GetOperation": (operations_pb2.GetOperationRequest, site.usage.operation, ()),
        },
    )


def _queues(site: Site) -> tuple[Method, ...]:
    from google.cloud.tasks_v2 import types
    from google.cloud.tasks_v2.services.cloud_tasks.transports import rest_base

    queues = Queues(site.tasks)
    return of_transport(rest_base._BaseCloudTasksRestTransport, {"GetQueue": (types.GetQueueRequest, queues.get, ())})
