"""Lambda, with its control plane and its workers: what moto's Lambda would have to be.

    state      functions, versions, aliases, URLs as records
    control    the operations on functions and versions; `aliases` with their URLs; `grants`: concurrency, policy, tags
    code       zips from S3, unpacked and checked once each; which interpreter runs a runtime
    invoking   Invoke: workers by version, concurrency, retries of events that nobody waits for
    urls       function URLs, on loopback under /lambda-url/<id>/, with their own authorization
    logs       what functions print, into CloudWatch Logs

Why not moto's own: it numbers versions anew after one was removed, publishes versions that share one state, ignores the
qualifier of a URL, does not page, does not change an architecture, never is `Pending`, and takes any name, size,
runtime or environment. Here the input is checked against AWS's own model (`operations`) and the rest by the limits of
Lambda's documentation. moto's Lambda is never asked.

Softer than the real one: a role is not asked what it allows; the account's concurrency is not counted over functions;
the waits between two deliveries of an event are seconds (AWS: minutes); arm64 runs on whatever this machine is.
"""
