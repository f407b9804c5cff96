"""AWS by boto3: S3 as the bucket, Batch, Lambda, EventBridge Scheduler, Secrets Manager and SSM, SNS, CloudWatch Logs.

Credentials come from boto3's default chain.

`errors` is the one table from AWS's codes to ours, `client` the one place where clients are made, `emulator` the moto
server that the suites talk to over the wire. `endpoint` puts the store on another server that speaks S3: for state it
must honour preconditions. One that keeps keys as files lists folder by folder, and `listing = "folders"` sorts that
here: so SeaweedFS 4.48 holds state; it only cannot hold `a` beside `a/b`, which no key of ours asks for (a journey
looks at all of them). `services_endpoint` puts the rest on an emulator.

Large files: what moto proves is create-only on completing an upload; it ignores If-Match there, so that part of a swap
of a large file rests on S3's documentation (and a look beforehand).
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="aws",
    title="Amazon Web Services",
    ports={
        "store": "toolkit.adapters.aws.store:open_store",
        "schedules": "toolkit.adapters.aws.schedules:open_schedules",
        "functions": "toolkit.adapters.aws.functions:open_functions",
        "jobs": "toolkit.adapters.aws.jobs:open_jobs",
        "secrets": "toolkit.adapters.aws.secrets:open_secrets",
        "watches": "toolkit.adapters.aws.watches:open_watches",
        "alerts": "toolkit.adapters.aws.alerts:open_alerts",
        "metrics": "toolkit.adapters.aws.metrics:open_metrics",
    },
    settings="toolkit.adapters.aws.settings:AwsSettings",
    registries={
        r"\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?": "toolkit.adapters.aws.registry:login",
    },
    job_image="toolkit.adapters.aws.jobs:image",
    claims=frozenset(
        {
            "store.read", "store.write", "store.create", "store.swap", "store.files", "store.uri",
            "jobs.run", "jobs.cancel", "jobs.timeout", "jobs.memory", "jobs.retry", "jobs.array",
            "functions.http", "functions.event", "functions.versions", "functions.beside", "functions.weights",
            "functions.timeout",
            "functions.memory", "functions.logs", "schedules.fire",
            "secrets.store", "alerts.publish", "metrics.record",
        }
    ),
    extra="aws",
    needs=dict.fromkeys(("inference", "drift_check"), ("boto3", "stamina")),
    operator="toolkit.adapters.aws.operator.bootstrap:open_operator",
    permissions="toolkit.adapters.aws.permissions:of",
    checks="toolkit.adapters.aws.doctor:check",
    events="toolkit.adapters.aws.events:new_data",
    emulators={
        "moto": "toolkit.adapters.aws.emulators:moto",
        "ministack": "toolkit.adapters.aws.emulators:ministack",
    },
    # Lambda's own: zip unpacked, synchronous payload, memory, time, environment.
    limits={
        "bundle_unpacked_bytes": 250 * 1024**2,
        "payload_bytes": 6 * 1024**2,
        "function_memory_mb": 10_240,
        "function_timeout_seconds": 900,
        "environment_bytes": 4096,
    },
)  # fmt: skip
