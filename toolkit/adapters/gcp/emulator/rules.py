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
    from google.cloud.secretmanager_v1 import types as secret
    from google.cloud.secretmanager_v1.services.secret_manager_service.transports import rest_base as secrets
    from google.pubsub_v1 import types as pubsub
    from google.pubsub_v1.services.publisher.transports import rest_base as publisher
    from google.pubsub_v1.services.subscriber.transports import rest_base as subscriber

    kept, topics = site.secrets, site.topics
    return {
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
        "logging.googleapis.com": _logging(site),
        "monitoring.googleapis.com": _monitoring(site),
    }


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
