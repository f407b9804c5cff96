"""What runs inside the inference function: the model, what it is asked, what it answers, what it remembers.

    graph      reads the ONNX file before onnxruntime does and refuses what could reach outside it
    matrix     ... and takes its first join away, where it begins with one: a matrix is asked faster than 30 columns
    session    the onnxruntime session, its options, its fit to the signature
    engine     what computes: onnxruntime, or the tables of a compiled model (`compiled`, read by the fixed `steps`)
    model      digests checked, graph walked, engine opened: columns in, `Prediction` out
    fields     what one JSON value of a feature may be, as a typed decoder and in words
    validate   a request body -> a `Batch` (`rows`), or findings that name row and field (`byhand`)
    body       the bytes of a request: limits, content type, gzip
    problems   every refusal as RFC 9457 problem+json
    measures   counters and a latency histogram, as Prometheus text
    capture    counts predictions into the baseline's bins, keeps (id, time, label, score), flushes to the store
    intervals  requests, errors and latencies by the minute, for the judge of a rollout
    outbox     a bounded queue to the store, written by a thread that a request waits for only so long
    feedback   labels that come later, joined by prediction id
    explain    what each feature added to a prediction: exact (`attribution`, `shapley`) or sampled (`sampling`)
    auth       who may ask: a guard around the application; tokens, or JWTs (`jwts`) by an issuer's keys (`jwks`)
    source     a model from the bucket: named by the journal, vouched for by a signature, checked by its digests
    swap       another version in place of the one that serves, between two requests
    router     a challenger beside the model: the same sender always gets the same version
    shares     the probabilities of many rows as one array that reads like lists
    arrays     columns that came as numpy arrays (binary tensors, `arrow`), checked as a whole; `listing` writes answers
    batching   requests that meet are one call of a slow model; too many are refused at once
    instant    one row answered as bytes, for `connection`: uvicorn's, with bounds on heads, waits and numbers
    onerow     one row through onnxruntime bound to its buffers
    app        the ASGI application: our own router, no framework on the fast routes; `routing` has its words
    protocols  the protocols that clients already speak, each a translation to the same validator and model
    trace      W3C trace context: answered, and named in the log of a failure
    about      what is rarely asked for: the description of the endpoint, the log of a failure
    settings   limits and capture bounds, read from the function's Runtime
    ids        prediction ids that sort by time and say their day
    docs       the same application described: OpenAPI from the signature, FastAPI for its pages, on first use
    pages      what every route promises, kept by FastAPI's answers as well

The rule of this floor: it stays light. Starting FastAPI and pydantic costs more than everything else in a cold start
together (measured: 300 of 510 ms), so the routes that a client calls in anger are a plain ASGI application over msgspec
and onnxruntime, and FastAPI is imported when someone opens the documentation. Nothing here imports polars, sklearn, an
SDK, or anything that can unpickle: `tests/entry/test_inference.py` compares `sys.modules` with a list of names.

A worker answers one request at a time and may be frozen between two, so nothing here relies on the
background: what has to happen, happens inside a request and within a bound (`capture` says which, and what a kill can
lose).
"""
