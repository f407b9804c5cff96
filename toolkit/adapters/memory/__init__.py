"""Everything in this process's memory: what unit tests run on.

It passes the same suites as the real providers, so it is an honest fake: what it does not do, it does not claim.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="memory",
    title="This process's memory",
    ports={
        "store": "toolkit.adapters.memory.store:open_store",
        "jobs": "toolkit.adapters.memory.jobs:open_jobs",
        "functions": "toolkit.adapters.memory.functions:open_functions",
        "schedules": "toolkit.adapters.memory.schedules:open_schedules",
        "secrets": "toolkit.adapters.memory.secrets:open_secrets",
        "alerts": "toolkit.adapters.memory.alerts:open_alerts",
        "metrics": "toolkit.adapters.memory.metrics:open_metrics",
    },
    settings="toolkit.adapters.memory.settings:MemorySettings",
    claims=frozenset(
        {
            "store.read", "store.write", "store.create", "store.swap", "store.files",
            "jobs.run", "jobs.cancel", "jobs.timeout", "jobs.memory", "jobs.retry", "jobs.array",
            "functions.http", "functions.event", "functions.versions", "functions.beside", "functions.weights",
            "functions.timeout",
            "functions.logs", "schedules.fire", "secrets.store", "alerts.publish", "metrics.record",
        }
    ),
)  # fmt: skip
