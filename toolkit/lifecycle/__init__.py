"""The life of a model, one file per step: each `run(ctx, ...)` takes a Context and returns a record.

    ingest -> train -> fit (in the job) -> evaluate -> register -> promote -> deploy -> invoke
           -> monitor -> retrain -> switch (roll back) ; verify, audit, find, status, destroy beside them

A step knows ports, never providers. What it learns goes into the bucket (`state/`), so that any other machine can take
the next step. A new step is one file here, one command in `cli/`, and its mirror test.
"""
