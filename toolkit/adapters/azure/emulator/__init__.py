"""Azure on loopback that really executes, since no emulator of it exists (Azurite is one of storage alone).

    python -m toolkit.adapters.azure.emulator [--port N] [--home FOLDER]     prints its address

    server      the process: HTTP in, to whom it concerns (`site`)
    azurite     the real storage emulator, installed when it is first needed
    storage     the storage account: Azurite behind the token that Azure wants
    shapes      what a model of an SDK of Azure's takes: its fields, their types, which are required
    rest        a request of a REST API held to such a model, or the reason why it does not fit
    rules       which methods there are, part by part
    refused     Azure's errors as JSON, with the HTTP status that belongs to each code
    identity    tokens: who may call at all, and managed identities' endpoint

    vault, grid, log_analytics                                 Key Vault, Event Grid (webhooks too), rows of metrics
    resources                                                  what an operator makes: kept and shown
    containerapps, containerapps_checks, containerapps_front   environments, apps with revisions, Easy Auth before them
    jobs, jobs_beats                                           executions that run, schedules that fire
    sites, sites_plans, sites_checks, sites_shapes             function apps, their plans, one deploy
    sites_worker                                               what runs a package
    sites_timers, sites_beats                                  their timer triggers, and NCRONTAB
    arm_rules, arm_room, operations                            their methods, what they share, long-running operations
    rbac, rbac_conditions, rbac_needs, rbac_guard              role assignments: what a request needs, who may
    arm_console                                                what all of them printed, as Log Analytics keeps it

Decisions. Whatever the packaged models do not know is refused, and so is what they only give (read-only fields) or do
not find (required ones). Every API wants a token that was given out here, for that API. A long-running operation is not
done when it is first looked at. What runs is only what was uploaded, in a clean environment, with its limits (see
`toolkit.execution`). State is in memory; nothing binds outside loopback. What no role assignment allows is
refused, in a resource group that has any: a test without an operator has none, and may all.

A host of Azure's is the first folder of the path: `/management.azure.com/subscriptions/...`; the storage account's is
its name, as Azurite has it: `/emulatedaccount/container/blob`.
"""

from __future__ import annotations

import sys

COMMAND = (sys.executable, "-m", "toolkit.adapters.azure.emulator")
