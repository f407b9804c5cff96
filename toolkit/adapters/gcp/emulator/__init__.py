"""Google Cloud on loopback that really executes, since no emulator of it exists.

    python -m toolkit.adapters.gcp.emulator [--port N] [--home FOLDER]     prints its address

    server      the process: HTTP in, to whom it concerns (`sites`)
    storage     fake-gcs-server, with the preconditions that it ignores
    rest        a request of a REST API as a message of Google's own types, or the reason why it is none
    rules       which methods there are: Google's own table of paths, and which fields it requires
    refused     google.rpc.Status as JSON, with the HTTP status that belongs to each code
    services    Cloud Run services, their revisions and traffic (`run_checks`: what Cloud Run refuses; `operations`)
    revisions   a revision as containers that answer
    front       a service's URL: who calls, which revision answers
    containers  an image's processes here (`execution.container` runs them: instances that answer on PORT)
    jobs        Cloud Run jobs, and `executions`, which run their tasks
    batch       Batch, and `batch_tasks`, which run its jobs (`batch_checks`: what Batch refuses)
    tasks       Cloud Tasks
    identity    tokens: who may call at all, the metadata server, ID tokens
    scheduler   Cloud Scheduler, whose clock tests turn; `scheduler_beats` reads its cron
    topics      Pub/Sub; `notifications_push` calls who subscribed, `notifications` are Cloud Storage's
    iam_*       accounts, roles, policies and their conditions, pools; `iam_guard` holds every call against them,
                `iam_buckets` every object; `iam_services` the smaller services that an operator turns to

Decisions. Whatever Google's packaged types do not know is refused, and what they require must be there; the paths and
the bodies are those of Google's own REST transports. Every API wants a token that was given out here. A long-running
operation is not done when it is first looked at. What runs is only what was uploaded, in a clean environment, with its
limits (see `toolkit.execution`). What a policy does not allow is refused, once there is one: a test without an operator
has no policy, and may all. State is in memory; nothing binds outside loopback.
"""

from __future__ import annotations

import sys

COMMAND = (sys.executable, "-m", "toolkit.adapters.gcp.emulator")
