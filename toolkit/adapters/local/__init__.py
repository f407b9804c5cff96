"""A laptop as a cloud: files as the bucket, subprocesses as jobs, real function bundles behind a loopback URL.

No Docker, no account, nothing to configure. Everything lies under two folders of the project: `store` (the bucket: what
would be in S3) and `host` (what the cloud would keep for itself: functions, jobs, schedules, secrets, logs). The only
background process is the host that answers the function URLs; `deploy` or `dev` starts it and says how to stop it.
"""

from toolkit.domain.capabilities import PROMISES
from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="local",
    title="This machine",
    ports={
        "store": "toolkit.adapters.local.store:open_store",
        "jobs": "toolkit.adapters.local.jobs:open_jobs",
        "functions": "toolkit.adapters.local.functions:open_functions",
        "schedules": "toolkit.adapters.local.schedules:open_schedules",
        "watches": "toolkit.adapters.local.watches:open_watches",
        "secrets": "toolkit.adapters.local.secrets:open_secrets",
        "alerts": "toolkit.adapters.local.alerts:open_alerts",
        "metrics": "toolkit.adapters.local.metrics:open_metrics",
    },
    settings="toolkit.adapters.local.settings:LocalSettings",
    claims=frozenset(PROMISES),
    extra="local",
    needs={"drift_check": ("httpx2",)},  # alerts are posted to webhooks
    events="toolkit.adapters.local.events:new_data",
    signer="toolkit.adapters.local.signer:open_signer",
    function_auth="token",
    function_python="host",
    # Lambda's own limits, so that what fits here fits there: zip unpacked, request and response bodies, memory, time.
    limits={
        "bundle_unpacked_bytes": 250 * 1024**2,
        "payload_bytes": 6 * 1024**2,
        "job_memory_mb": 1024**2,
        "function_memory_mb": 10_240,
        "function_timeout_seconds": 900,
        "environment_bytes": 4096,
    },
)
