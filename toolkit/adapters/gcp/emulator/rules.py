"""Which methods there are: the paths and bodies of Google's own REST transports, and what their requests require.

The packaged types have lost the annotations that say which fields are required (google.api.field_behavior), so those
stand here, from the same reference. Logging and Monitoring are packaged for gRPC only: their paths are from the REST
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.adapters.gcp.emulator.rest import Handler, Method
from toolkit.adapters.gcp.emulator.site import Site

Rule = tuple[Any, Handler, tuple[str, ...]]  # type of the request, who answers, what is required


def of_transport(transport: Any, rules: Mapping[str, Rule]) -> tuple[Method, ...]:
    """Methods of a packaged REST transport, by their names."""
    found = []
    for name, (kind, handler, required) in rules.items():
        for option in getattr(transport, f"_Base{name}")._get_http_options():
            found.append(
                Method(option["method"], option["uri"], message_of(kind), handler, option.get("body", ""), required)
            )
    return tuple(found)


def message_of(kind: Any) -> Any:
    """The protobuf class beneath one of proto-plus."""
    return kind.pb() if hasattr(kind, "pb") else kind


def methods(site: Site) -> dict[str, tuple[Method, ...]]:
    from google.cloud.iam_credentials_v1 import types as tokens
    from google.cloud.iam_credentials_v1.services.iam_credentials.transports import rest_base as credentials
    from google.cloud.secretmanager_v1 import types as secret
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import rest_base as secrets
    from google.cloud.tasks_v2 import types as task
    from google.cloud.tasks_v2.services.cloud_tasks.transports import rest_base as queues
    from google.pubsub_v1 import types as pubsub
    from google.pubsub_v1.services.publisher.transports import rest_base as publisher
    from google.pubsub_v1.services.subscriber.transports import rest_base as subscriber

    from toolkit.adapters.gcp.emulator import iam_rules

    kept, topics = site.secrets, site.topics
    found = {
        "secretmanager.googleapis.com": of_transport(
            secrets._BaseSecretManagerServiceRestTransport,
            {
                "CreateSecret": (
                    secret.CreateSecretRequest,
                    kept.create,
                    ("secret_id", "secret", "secret.replication"),
                ),
                "AddSecretVersion": (secret.AddSecretVersionRequest, kept.add, ("payload", "payload.data")),
                "AccessSecretVersion": (secret.AccessSecretVersionRequest, kept.access, ()),
                "ListSecretVersions": (secret.ListSecretVersionsRequest, kept.versions, ()),
                "DestroySecretVersion": (secret.DestroySecretVersionRequest, kept.destroy, ()),
                "ListSecrets": (secret.ListSecretsRequest, kept.list, ()),
                "DeleteSecret": (secret.DeleteSecretRequest, kept.delete, ()),
            },
        ),
        "pubsub.googleapis.com": (
            *of_transport(
                publisher._BasePublisherRestTransport,
                {
                    "CreateTopic": (pubsub.Topic, topics.create, ()),
                    "Publish": (pubsub.PublishRequest, topics.publish, ("messages",)),
                    "DeleteTopic": (pubsub.DeleteTopicRequest, topics.delete, ()),
                },
            ),
            *of_transport(
                subscriber._BaseSubscriberRestTransport,
                {
                    "CreateSubscription": (pubsub.Subscription, topics.subscribe, ("topic",)),
                    "Pull": (pubsub.PullRequest, topics.pull, ("max_messages",)),
                    "Acknowledge": (pubsub.AcknowledgeRequest, topics.acknowledge, ("ack_ids",)),
                },
            ),
        ),
        "run.googleapis.com": _run(site),
        "batch.googleapis.com": _batch(site),
        "iamcredentials.googleapis.com": of_transport(
            credentials._BaseIAMCredentialsRestTransport,
            {"GenerateIdToken": (tokens.GenerateIdTokenRequest, site.identity.generate, ("audience",))},
        ),
        "cloudtasks.googleapis.com": of_transport(
            queues._BaseCloudTasksRestTransport,
            {
                "CreateQueue": (task.CreateQueueRequest, site.tasks.create_queue, ("queue", "queue.name")),
                "CreateTask": (
                    task.CreateTaskRequest,
                    site.tasks.create,
                    ("task", "task.http_request", "task.http_request.url", "task.http_request.oidc_token"),
                ),
            },
        ),
        "logging.googleapis.com": _logging(site),
        "monitoring.googleapis.com": _monitoring(site),
    }
    ours = iam_rules.methods(site)
    return {host: (*found.get(host, ()), *ours.get(host, ())) for host in found | ours}


def _run(site: Site) -> tuple[Method, ...]:
    from google.cloud.run_v2 import types
    from google.cloud.run_v2.services.executions.transports import rest_base as executions
    from google.cloud.run_v2.services.jobs.transports import rest_base as jobs
    from google.cloud.run_v2.services.revisions.transports import rest_base as revisions
    from google.cloud.run_v2.services.services.transports import rest_base as services
    from google.cloud.run_v2.services.tasks.transports import rest_base as tasks
    from google.iam.v1 import iam_policy_pb2
    from google.longrunning import operations_pb2

    run, batch = site.services, site.jobs
    container = ("service.template.containers", "service.template.containers.image")
    task = "job.template.template"
    return (
        *of_transport(
            services._BaseServicesRestTransport,
            {
                "CreateService": (
                    types.CreateServiceRequest, run.create, ("service_id", "service", "service.template", *container),
                ),
                "GetService": (types.GetServiceRequest, run.get, ()),
                "ListServices": (types.ListServicesRequest, run.list, ()),
                "UpdateService": (types.UpdateServiceRequest, run.update, container),
                "DeleteService": (types.DeleteServiceRequest, run.delete, ()),
                "GetIamPolicy": (iam_policy_pb2.GetIamPolicyRequest, run.get_policy, ()),
                "SetIamPolicy": (iam_policy_pb2.SetIamPolicyRequest, run.set_policy, ("policy",)),
                "GetOperation": (operations_pb2.GetOperationRequest, run.operations.get, ()),
            },
        ),
        *of_transport(
            revisions._BaseRevisionsRestTransport,
            {
                "GetRevision": (types.GetRevisionRequest, run.revision, ()),
                "ListRevisions": (types.ListRevisionsRequest, run.revisions, ()),
                "DeleteRevision": (types.DeleteRevisionRequest, run.delete_revision, ()),
            },
        ),
        *of_transport(
            jobs._BaseJobsRestTransport,
            {
                "CreateJob": (
                    types.CreateJobRequest,
                    batch.create,
                    ("job_id", "job", "job.template", task, f"{task}.containers", f"{task}.containers.image"),
                ),
                "GetJob": (types.GetJobRequest, batch.get, ()),
                "ListJobs": (types.ListJobsRequest, batch.list, ()),
                "DeleteJob": (types.DeleteJobRequest, batch.delete, ()),
            },
        ),
        *of_transport(
            executions._BaseExecutionsRestTransport,
            {
                "GetExecution": (types.GetExecutionRequest, batch.execution, ()),
                "CancelExecution": (types.CancelExecutionRequest, batch.cancel, ()),
            },
        ),
        *of_transport(
            tasks._BaseTasksRestTransport, {"ListTasks": (types.ListTasksRequest, batch.tasks, ())}
        ),
    )  # fmt: skip


def _batch(site: Site) -> tuple[Method, ...]:
    from google.cloud.batch_v1 import types
    from google.cloud.batch_v1.services.batch_service.transports import rest_base as batch

    task = "job.task_groups.task_spec"
    needs = ("job", "job.task_groups", task, f"{task}.runnables", f"{task}.runnables.container.image_uri")
    return of_transport(
        batch._BaseBatchServiceRestTransport,
        {
            "CreateJob": (types.CreateJobRequest, site.batch.create, needs),
            "GetJob": (types.GetJobRequest, site.batch.get, ()),
            "ListJobs": (types.ListJobsRequest, site.batch.list, ()),
            "DeleteJob": (types.DeleteJobRequest, site.batch.delete, ()),
            "CancelJob": (types.CancelJobRequest, site.batch.cancel, ()),
            "ListTasks": (types.ListTasksRequest, site.batch.tasks, ()),
        },
    )


def _logging(site: Site) -> tuple[Method, ...]:
    from google.cloud.logging_v2 import types

    write, read = message_of(types.WriteLogEntriesRequest), message_of(types.ListLogEntriesRequest)
    return (
        Method("post", "/v2/entries:write", write, site.log.write, "*", ("entries",)),
        Method("post", "/v2/entries:list", read, site.log.list, "*", ("resource_names",)),
    )


def _monitoring(site: Site) -> tuple[Method, ...]:
    from google.cloud.monitoring_v3 import types

    create, read = message_of(types.CreateTimeSeriesRequest), message_of(types.ListTimeSeriesRequest)
    uri = "/v3/{name=projects/*}/timeSeries"
    needs = (
        "time_series", "time_series.metric", "time_series.metric.type", "time_series.points",
        "time_series.points.interval", "time_series.points.interval.end_time", "time_series.points.value",
    )  # fmt: skip
    return (
        Method("post", uri, create, site.monitoring.create, "*", needs),
        Method("get", uri, read, site.monitoring.list, "", ("filter", "interval", "interval.end_time")),
    )
