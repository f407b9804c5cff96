"""AWS by boto3: S3 as the bucket, Secrets Manager, SNS, CloudWatch Logs. Credentials come from boto3's default chain.

Offered so far: store, secrets, alerts, metrics. Jobs, functions and schedules are not: a target on AWS maps them to
another provider (`ports = { jobs = "local", functions = "local", schedules = "local" }`) until they are.

`errors` is the one table from AWS's codes to ours, `client` the one place where clients are made, `emulator` the moto
server that the suites talk to over the wire. `endpoint` puts the store on any server that speaks S3 with preconditions
(MinIO, SeaweedFS, Ceph); `services_endpoint` puts the rest on an emulator.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="aws",
    title="Amazon Web Services",
    ports={
        "store": "toolkit.adapters.aws.store:open_store",
        "secrets": "toolkit.adapters.aws.secrets:open_secrets",
        "alerts": "toolkit.adapters.aws.alerts:open_alerts",
        "metrics": "toolkit.adapters.aws.metrics:open_metrics",
    },
    settings="toolkit.adapters.aws.settings:AwsSettings",
    claims=frozenset(
        {
            "store.read", "store.write", "store.create", "store.swap", "store.files", "store.uri",
            "secrets.store", "alerts.publish", "metrics.record",
        }
    ),
    extra="aws",
    # Lambda's own: zip unpacked, synchronous payload, memory, time, environment.
    limits={
        "bundle_unpacked_bytes": 250 * 1024**2,
        "payload_bytes": 6 * 1024**2,
        "function_memory_mb": 10_240,
        "function_timeout_seconds": 900,
        "environment_bytes": 4096,
    },
)  # fmt: skip
