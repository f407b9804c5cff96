"""The ASGI application of an endpoint. Its fast routes are a table and a function each; no framework is in their way.

    POST /predict    rows in, predictions out, each with an id        GET /         what is served here
    POST /feedback   labels for those ids                            GET /healthz  ready (the model is loaded)
    POST /explain    what each feature added to a prediction
    GET  /docs, /redoc, /openapi.json  (FastAPI, on first use)        GET /metrics  Prometheus text

Every other path is looked for in the table of `protocols`, which the first request of such a path imports.

Predicting takes microseconds, so it runs on the event loop: handing it to a thread costs 400 us a call (measured).
Every answer carries a request id and the security headers; there is no CORS. Whatever a request does, it is answered
and the worker lives: refusals are `Problem`, anything unforeseen is a 500 whose traceback goes to stderr, out of memory
is a 503.

An App is one model and everything that goes with it (validator, capture, description), for good: a hot swap puts a
whole other App in its place (`swap`), so no answer can be of two versions.

`lifespan` is answered but not needed: the model is loaded before the app is made, which is what Lambda wants
(Mangum would run a start-up on every call).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.serving import arrays, ids, instant, listing, measures, problems
from toolkit.serving.body import Body, Disconnected, Receive, Send, media
from toolkit.serving.capture import Capture
from toolkit.serving.feedback import Feedback
from toolkit.serving.model import Model, Prediction
from toolkit.serving.problems import Problem
from toolkit.serving.routing import (
    ARROW,
    DOCS,
    SAFE,
    Answer,
    Handler,
    Headers,
    Info,
    Request,
    Route,
    Scope,
    continued,
    event_time,
    refusal,
    request_id_of,
)
from toolkit.serving.rows import Batch, parse
from toolkit.serving.settings import Batching, Limits
from toolkit.serving.validate import Validator

if TYPE_CHECKING:
    from toolkit.serving.batching import Batcher

__all__ = ["App", "Info", "create_app"]

REPLAY_WAIT = 10.0


class App:
    def __init__(
        self,
        model: Model,
        capture: Capture | None,
        feedback: Feedback | None,
        limits: Limits,
        info: Info,
        batching: Batcher | None = None,
    ) -> None:
        self.model = model
        self.capture = capture
        self.limits = limits
        self.info = info
        self.measures = measures.Measures()
        self.validator = Validator(model.signature, limits)
        self._feedback = feedback
        self.encode = msgspec.json.Encoder().encode
        self._classes = model.signature.classes
        self._one = listing.OneRow(model.name, info.version, self._classes)
        self._replay = info.replay
        self.batching = batching
        self._explaining: Handler | None = None
        self._routes = {
            "/predict": Route("/predict", {"POST": self._predict}),
            "/feedback": Route("/feedback", {"POST": self._label}),
            "/explain": Route("/explain", {"POST": self._explain}),
            "/healthz": Route("/healthz", {"GET": self._health}),
            "/metrics": Route("/metrics", {"GET": self._metrics}),
            "/": Route("/", {"GET": self._describe}),
        }
        self.own = tuple(self._routes)
        if info.vertex_predict or info.vertex_health:
            from toolkit.serving.protocols import routes

            self._routes.update(routes.vertex(self, self._routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        path: str = scope["path"]
        route = self._routes.get(path)
        if route is None:
            if path in DOCS and scope["method"] in ("GET", "HEAD"):
                return await self._slowly(scope, receive, send)
            route = self._elsewhere(path)
        headers: Headers = dict(scope["headers"])
        moment = time.time_ns() // 1_000_000
        prefix = ids.prefix(moment)
        request_id = request_id_of(headers, prefix)
        body = Body(receive, self.limits)
        trace = continued(headers[b"traceparent"]) if b"traceparent" in headers else b""
        try:
            try:
                request = Request(headers, body, prefix, moment, trace)
                answer = await self._answer(route, scope["method"], path, request)
            except Problem:
                await body.drain()
                raise
        except Disconnected:
            self.measures.problems["disconnected"] += 1
            return None
        except Problem as problem:
            self.measures.problems[problem.kind] += 1
            answer = refusal(route, problem, request_id)
        length = b"%d" % len(answer.content)
        sent = [
            (b"content-type", answer.content_type),
            (b"content-length", length),
            (b"x-request-id", request_id.encode()),
            *SAFE,
            *answer.headers,
        ]
        if trace:
            sent.append((b"traceparent", trace))
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.content})
        seconds = time.perf_counter() - started
        self.measures.observe(route.label, answer.status, seconds)
        if self.capture is not None:
            if scope["method"] == "POST":
                self.capture.intervals.add(answer.status, seconds)
            self.capture.settle()
        return None

    async def _answer(self, route: Route, method: str, path: str, request: Request) -> Answer:
        """What the route says, with everything unforeseen turned into a Problem."""
        try:
            answer = await self._handler(route, method, path)(request)
            if self._replay and b"x-toolkit-flush" in request.headers and self.capture is not None:
                await asyncio.to_thread(self.capture.flush, REPLAY_WAIT)
            return answer
        except (Problem, Disconnected):
            raise
        except Exception as error:
            if isinstance(error, MemoryError) or problems.is_of_memory(error):
                detail = "there is not enough memory for this request; send fewer rows at a time"
                raise Problem(503, "out-of-memory", detail, headers=((b"retry-after", b"1"),)) from error
            from toolkit.serving import about

            about.log_failure(method, path, request)
            raise Problem(500, "internal", "the request failed in the server; its log says why") from error

    def _elsewhere(self, path: str) -> Route:
        if path in DOCS:
            return Route("other", {"GET": self._describe})  # never reached by a GET: those are FastAPI's
        from toolkit.serving.protocols import routes

        return routes.find(self, path) or Route("other", {})

    def _handler(self, route: Route, method: str, path: str) -> Handler:
        methods = route.methods
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is not None:
            return handler
        if not methods:
            known = ", ".join([*self.own, "/docs"])
            raise Problem(404, "not-found", f"no such path: {problems.shown(path)!r}; there are {known}")
        allow = ", ".join(sorted(methods.keys() | ({"HEAD"} if "GET" in methods else set())))
        raise Problem(405, "method", f"{problems.shown(path)} takes {allow}", headers=((b"allow", allow.encode()),))

    async def _predict(self, request: Request) -> Answer:
        headers = request.headers
        data = await request.body.read(headers, (ARROW,))
        if media(headers.get(b"content-type", b"")) == ARROW:
            from toolkit.serving import arrow

            batch = arrow.batch(self.validator, data)
        else:
            batch = self.validator.batch(data)
        prefix, prediction = await self.predicted(request, batch)
        if ARROW in headers.get(b"accept", b""):
            from toolkit.serving import arrow

            return Answer(200, arrow.written(prefix, prediction), ARROW)
        return Answer(200, self.content(prefix, prediction))

    def instantly(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, date: bytes) -> bytes | None:
        """The response to a POST of one row to /predict, or None where this has to be asked as an application."""
        return instant.answer(self, headers, body, date) if instant.LABEL in self._routes else None

    def content(self, prefix: str, prediction: Prediction) -> bytes:
        """The body of an answer of /predict."""
        if len(prediction) == 1:
            return self._one(prefix, prediction)
        predictions: Any
        if len(prediction) < listing.FROM:
            predictions = self.items(prefix, prediction)
        else:
            predictions = msgspec.Raw(listing.predictions(prefix, prediction))
        return self.encode({"model": self.model.name, "version": self.info.version, "predictions": predictions})

    async def predicted(self, request: Request, batch: Batch) -> tuple[str, Prediction]:
        """What the model answers to valid rows, counted and captured; the prefix of their ids. The one way to it."""
        moment, prefix = request.moment_ms, request.prefix
        if self._replay and b"x-toolkit-time" in request.headers:
            moment = event_time(request.headers[b"x-toolkit-time"])
            prefix = ids.prefix(moment)
        if batch.rows >= arrays.TURNED and batch.arrays is None and arrays.at_hand(batch.rows):
            batch = arrays.turned(self.model.signature.features, batch)
        prediction = answered(self.model, batch) if self.batching is None else await self.batching.predict(batch)
        self.keep(prefix, moment, batch, prediction)
        return prefix, prediction

    def keep(self, prefix: str, moment_ms: int, batch: Batch, prediction: Prediction) -> None:
        """Count and capture what was answered."""
        self.measures.rows += batch.rows
        if self.capture is not None:
            self.capture.add(prefix, moment_ms, batch, prediction)

    def items(self, prefix: str, prediction: Prediction) -> list[dict[str, Any]]:
        """A prediction as /predict shows it, an object a row."""
        if prediction.labels:
            classes, pairs = self._classes, zip(prediction.labels, prediction.probabilities, strict=True)
            return [
                {"id": f"{prefix}-{row}", "label": label, "probabilities": dict(zip(classes, shares, strict=True))}
                for row, (label, shares) in enumerate(pairs)
            ]
        return [{"id": f"{prefix}-{row}", "value": value} for row, value in enumerate(prediction.values)]

    async def _label(self, request: Request) -> Answer:
        if self._feedback is None:
            raise Problem(501, "no-store", "this endpoint keeps no labels: it was deployed without a store")
        document = parse(await request.body.read(request.headers))
        stored = await asyncio.to_thread(self._feedback.accept, document)
        return Answer(200, self.encode({"stored": stored}))

    async def _explain(self, request: Request) -> Answer:
        if self._explaining is None:
            from toolkit.serving.explain import Explaining

            self._explaining = Explaining(self)
        return await self._explaining(request)

    async def _health(self, request: Request) -> Answer:
        return Answer(200, b'{"status":"ok"}')

    async def _metrics(self, request: Request) -> Answer:
        labels = {
            "model": self.model.name,
            "version": str(self.info.version),
            "digest": self.model.digest[:12],
            "endpoint": self.info.endpoint,
        }
        counts = dict(self.capture.counts) if self.capture is not None else {}
        if self.batching is not None:
            counts |= self.batching.counts
        return Answer(200, self.measures.text(labels, counts), measures.TYPE)

    async def _describe(self, request: Request) -> Answer:
        from toolkit.serving import about

        return Answer(200, self.encode(about.description(self)))

    @property
    def routes(self) -> Mapping[str, Route]:
        """The paths that are at hand; those of other protocols are in their own table."""
        return self._routes

    def retire(self) -> None:
        """Nothing new comes here. The table of routes is what this object holds of itself: without it, model and all
        are freed with the last request that is under way (a hot swap puts another App in its place, `swap`)."""
        self._routes = {}
        if self.batching is not None:
            self.batching.close()
        vars(self).pop("_pages", None)
        self._explaining = None

    @cached_property
    def _pages(self) -> Any:
        from toolkit.serving import docs

        return docs.application(self)

    async def _slowly(self, scope: Scope, receive: Receive, send: Send) -> None:
        from toolkit.serving.pages import kept

        send = kept(self, scope, send)
        try:
            pages = self._pages
        except ImportError as error:
            from toolkit.serving import about

            return await about.no_pages(self, scope["path"], error, send)
        return await pages(scope, receive, send)  # type: ignore[no-any-return]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self.capture is not None:
                    self.capture.close()
                return await send({"type": "lifespan.shutdown.complete"})


def create_app(
    model: Model,
    *,
    capture: Capture | None = None,
    feedback: Feedback | None = None,
    limits: Limits | None = None,
    info: Info | None = None,
    batching: Batching | None = None,
) -> App:
    """The application of one loaded model. Without `capture` nothing is remembered, without `feedback` labels are
    refused (501), without `batching` (a function's way) every request is answered where it stands."""
    batcher = None
    if batching is not None:
        from toolkit.serving.batching import Batcher

        batcher = Batcher(partial(answered, model), batching, os.cpu_count() or 1)
    return App(model, capture, feedback, limits or Limits(), info or Info(), batcher)


def answered(model: Model, batch: Batch) -> Prediction:
    if batch.row is not None:
        return model.answer_row(batch.row)
    return model.answer(batch.arrays if model.arrays and batch.arrays is not None else batch.columns, batch.rows)
