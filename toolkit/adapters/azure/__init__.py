"""Azure: Blob Storage as the bucket, Container Apps, Key Vault, Event Grid, Log Analytics.

Functions, jobs and schedules are Container Apps: one service with revisions, weights and one lasting URL, jobs that
scale to nothing, and who calls is known to Entra. With `functions = "functions"` functions are Azure Functions on Flex
Consumption (`sites`), which has neither weights nor two versions at once: `ways` takes away what it does not offer.
Their schedules are timer triggers of the apps themselves (`sites_timers`), and their grants are others; jobs stay.

The container is reached by azure-storage-blob, all else by azure-core and REST. Credentials are those that
DefaultAzureCredential finds (`az login`, a workload's federated ones, a managed identity's).

`errors` is the one table from Azure's codes to ours, `client` the one place where credentials meet requests,
`emulator` plays all of it on this machine: Azurite as the storage account, the rest by a server of ours that holds
every request to the models of Azure's own SDKs.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="azure",
    title="Microsoft Azure",
    ports={
        "store": "toolkit.adapters.azure.store:open_store",
        "functions": "toolkit.adapters.azure.functions:open_functions",
        "jobs": "toolkit.adapters.azure.jobs:open_jobs",
        "watches": "toolkit.adapters.azure.watches:open_watches",
        "secrets": "toolkit.adapters.azure.secrets:open_secrets",
        "alerts": "toolkit.adapters.azure.alerts:open_alerts",
        "metrics": "toolkit.adapters.azure.metrics:open_metrics",
        "schedules": "toolkit.adapters.azure.schedules:open_schedules",
    },
    settings="toolkit.adapters.azure.settings:AzureSettings",
    claims=frozenset(
        {
            "store.read", "store.write", "store.create", "store.swap", "store.files", "store.uri",
            "functions.http", "functions.event", "functions.versions", "functions.beside", "functions.weights",
            "functions.timeout",
            "functions.memory", "functions.logs",
            "jobs.run", "jobs.cancel", "jobs.timeout", "jobs.memory", "jobs.retry", "jobs.array", "schedules.fire",
            "secrets.store", "alerts.publish", "metrics.record",
        }
    ),
    extra="azure",
    needs=dict.fromkeys(("inference", "drift_check"), ("azure-storage-blob", "azure-identity", "stamina")),
    permissions="toolkit.adapters.azure.permissions:of",
    operator="toolkit.adapters.azure.operator.bootstrap:open_operator",
    checks="toolkit.adapters.azure.doctor:check",
    events="toolkit.adapters.azure.events:new_data",
    emulators={"azure": "toolkit.adapters.azure.emulators:azure"},
    ways="toolkit.adapters.azure.functions:chosen",
    registries={r"[a-z0-9]{5,50}\.azurecr\.io": "toolkit.adapters.azure.registry:login"},
    job_image="toolkit.adapters.azure.jobs:image",
    # Container Apps' own are time and memory; the others are ours, where it writes none down.
    limits={
        "bundle_unpacked_bytes": 1024**3,
        "payload_bytes": 32 * 1024**2,
        "function_memory_mb": 8 * 1024,
        "function_timeout_seconds": 240,
        "environment_bytes": 32 * 1024,
    },
)  # fmt: skip
