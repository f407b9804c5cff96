"""GCP: Cloud Storage as the bucket, Cloud Run, Cloud Scheduler, Secret Manager, Pub/Sub, Cloud Logging and Monitoring.

The bucket is reached by google-cloud-storage, all else by google-auth and REST. Credentials are application default
only (`gcloud auth application-default login`, a service account's, the metadata server's).

How code reaches Cloud Run, which only starts images: by one generic image for jobs and functions alike (`toolkit image
push --kind job` puts it into Artifact Registry), whose container fetches what was deployed from the bucket by digest
(`container`). So the deployed unit is byte for byte what other clouds get, a new model needs no image, and there is no
Docker anywhere; the price is a download on a cold start.

Jobs run by Cloud Run, which starts them in seconds. For GPUs, spot machines, more than seven days or a larger machine a
target may have Batch as well (`batch`): it runs the same image on a machine made for the job.

`errors` is the one table from Google's codes to ours, `client` the one place where credentials meet requests,
`emulator` plays all of it on this machine: fake-gcs-server as the bucket, the rest by a server of ours that holds every
request to Google's own types.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="gcp",
    title="Google Cloud",
    ports={
        "store": "toolkit.adapters.gcp.store:open_store",
        "jobs": "toolkit.adapters.gcp.jobs:open_jobs",
        "functions": "toolkit.adapters.gcp.functions:open_functions",
        "schedules": "toolkit.adapters.gcp.schedules:open_schedules",
        "secrets": "toolkit.adapters.gcp.secrets:open_secrets",
        "watches": "toolkit.adapters.gcp.watches:open_watches",
        "alerts": "toolkit.adapters.gcp.alerts:open_alerts",
        "metrics": "toolkit.adapters.gcp.metrics:open_metrics",
    },
    settings="toolkit.adapters.gcp.settings:GcpSettings",
    claims=frozenset(
        {
            "store.read", "store.write", "store.create", "store.swap", "store.files", "store.uri",
            "jobs.run", "jobs.cancel", "jobs.timeout", "jobs.memory", "jobs.retry", "jobs.array",
            "functions.http", "functions.event", "functions.versions", "functions.beside", "functions.weights",
            "functions.timeout",
            "functions.memory", "functions.logs",
            "schedules.fire", "secrets.store", "alerts.publish", "metrics.record",
        }
    ),
    registries={r"[a-z0-9-]+-docker\.pkg\.dev": "toolkit.adapters.gcp.registry:login"},
    job_image="toolkit.adapters.gcp.jobs:image",
    extra="gcp",
    needs=dict.fromkeys(("inference", "drift_check"), ("google-cloud-storage", "stamina")),
    operator="toolkit.adapters.gcp.operator.bootstrap:open_operator",
    permissions="toolkit.adapters.gcp.permissions:of",
    checks="toolkit.adapters.gcp.doctor:check",
    events="toolkit.adapters.gcp.events:new_data",
    emulators={"google": "toolkit.adapters.gcp.emulators:google"},
    # Cloud Run's own: a request over HTTP/1.1 and its answer, memory, time, one variable.
    limits={
        "bundle_unpacked_bytes": 1024**3,
        "payload_bytes": 32 * 1024**2,
        "function_memory_mb": 32 * 1024,
        "function_timeout_seconds": 3600,
        "environment_bytes": 32 * 1024,
    },
)  # fmt: skip
