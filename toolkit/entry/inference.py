"""What a cloud starts to serve a model: TOOLKIT_RUNTIME and the `model/` folder become an ASGI application.

Everything happens at import of the handler, once per worker, while the platform gives a start-up its full CPU: read
what the function was told, load the model against the digest pinned there, open the store. No configuration file, no
network (opening a port does none), no framework.

`Runtime.values` of an inference function, all optional (`serving.settings`):
`{"limits": {"max_rows", "max_body"}, "capture": {"features", "rows", "seconds"}, "replay": bool, "auth": {...}}`.
With `"bucket": {"trust", "seconds"}` there is no `model/`: the store is asked for what the endpoint's journal names,
and from time to time for another version (`serving.swap`).
With `"split"` there is a challenger in `model/challenger/` as well, and each request goes to one of them
(`serving.router`).
Without `auth` a function on Lambda leaves it to the platform, and anything else refuses everybody (`serving.auth`).
Where one image runs in several places, TOOLKIT_AUTH says it instead: "platform", "public", or the JSON of `Auth`.
No store port: nothing is captured and labels are refused. Vertex AI names the routes it wants to have in
AIP_PREDICT_ROUTE and AIP_HEALTH_ROUTE.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import Runtime
from toolkit.serving import settings as serving_settings
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.capture import Capture
from toolkit.serving.feedback import Feedback
from toolkit.serving.model import Model, load
from toolkit.serving.settings import Auth, Bucket, Settings, Split

if TYPE_CHECKING:
    from toolkit.serving.auth import Guard
    from toolkit.serving.router import Router
    from toolkit.serving.swap import Swap

VARIABLE = "TOOLKIT_RUNTIME"
AUTH = "TOOLKIT_AUTH"
PROFILE = "profile"
FROZEN_WAIT = 2.0  # seconds that a flush may add where the process is frozen as soon as it has answered


def application(folder: Path | None = None) -> App | Swap | Router | Guard:
    """The application of this process. `folder` holds `model/`; default: where the platform unpacked the bundle.

    Raises ConfigError (no or unreadable TOOLKIT_RUNTIME, auth that cannot be checked) and Corrupt (the model is not the
    one that was deployed, or not one that may be).
    """
    runtime = read_runtime()
    values = serving_settings.read(runtime.values)
    store = _store(runtime)
    app: App | Swap | Router
    if values.bucket is not None:
        app = _swapping(store, runtime, values, values.bucket)
        _at_the_end(app.close)
    elif values.split is not None:
        app = _routing(_folder(folder), store, runtime, values, values.split)
        _at_the_end(app.close)
    else:
        model = load(_folder(folder), runtime.model_digest)
        app = _app(model, runtime.model_version, store, runtime, values)
        if app.capture is not None:
            _at_the_end(app.capture.close)
    gc.freeze()  # what is loaded stays: collections in a request need not look through it
    return _guarded(app, _auth(values), os.environ.get("AIP_HEALTH_ROUTE", ""))


def _folder(given: Path | None) -> Path:
    return (given or Path(os.environ.get("LAMBDA_TASK_ROOT") or Path.cwd())) / "model"


def _routing(folder: Path, store: Any, runtime: Runtime, values: Settings, split: Split) -> Router:
    from toolkit.serving.router import Router

    champion = _app(load(folder, runtime.model_digest), runtime.model_version, store, runtime, values)
    challenger = _app(load(folder / "challenger", split.digest), split.version, store, runtime, values)
    return Router(champion, challenger, split)


def _app(model: Model, version: int, store: Any, runtime: Runtime, values: Settings) -> App:
    capture = feedback = None
    if store is not None:
        capture = _capture(store, model, version, runtime, values)
        feedback = Feedback(
            store, model.signature, target=runtime.target, endpoint=runtime.endpoint, limits=values.limits
        )
    info = Info(
        endpoint=runtime.endpoint,
        version=version,
        replay=values.replay,
        vertex_predict=os.environ.get("AIP_PREDICT_ROUTE", ""),
        vertex_health=os.environ.get("AIP_HEALTH_ROUTE", ""),
    )
    batching = values.batching if values.batching.max_rows and not _is_frozen_between_calls() else None
    return create_app(model, capture=capture, feedback=feedback, limits=values.limits, info=info, batching=batching)


def _swapping(store: Any, runtime: Runtime, values: Settings, bucket: Bucket) -> Swap:
    if store is None:
        raise ConfigError("the model is in the bucket, and this function was given no store", hint="toolkit deploy")
    from toolkit.domain.trust import TrustRoot
    from toolkit.serving.source import Source
    from toolkit.serving.swap import Swap

    try:
        root = msgspec.convert(bucket.trust, TrustRoot | None)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the trusted keys cannot be read: {error}", hint="toolkit deploy") from error
    source = Source(store, model=runtime.model, target=runtime.target, endpoint=runtime.endpoint, root=root)
    return Swap(
        source,
        lambda release, model: _app(model, release.model_version, store, runtime, values),
        seconds=bucket.seconds,
        wait=FROZEN_WAIT if _is_frozen_between_calls() else 0.0,
    )


def _auth(values: Settings) -> Auth:
    """Who may ask, where nothing says it: on Lambda whom IAM lets through, elsewhere nobody."""
    text = os.environ.get(AUTH, "")
    auth = serving_settings.auth(text) if text else values.auth
    mode = auth.mode or ("platform" if _is_frozen_between_calls() else "closed")
    return msgspec.structs.replace(auth, mode=mode)


def _guarded(app: App | Swap | Router, auth: Auth, vertex_health: str) -> App | Swap | Router | Guard:
    if auth.mode in ("platform", "public"):
        return app
    from toolkit.serving.auth import guarded

    return guarded(app, auth, also_open=(vertex_health,))


def read_runtime() -> Runtime:
    text = os.environ.get(VARIABLE)
    if not text:
        raise ConfigError(f"the variable {VARIABLE} is not set", hint="toolkit deploy sets it")
    try:
        return msgspec.json.decode(text, type=Runtime)
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{VARIABLE} cannot be read: {error}", hint="toolkit deploy") from error


def _store(runtime: Runtime) -> Any:
    binding = runtime.ports.get("store")
    if binding is None:
        return None
    from toolkit.bootstrap.opening import open_port

    if "artifacts" not in runtime.ports:
        return open_port("store", binding)
    from toolkit.bootstrap import hybrid

    return hybrid.opener(open_port, runtime.ports)("store", binding)


def _capture(store: Any, model: Model, version: int, runtime: Runtime, values: Settings) -> Capture:
    capture = values.capture
    if _is_frozen_between_calls() and capture.wait == 0:
        capture = msgspec.structs.replace(capture, wait=FROZEN_WAIT)
    return Capture(
        store,
        model,
        target=runtime.target,
        endpoint=runtime.endpoint,
        version=version,
        counter=_counter(model),
        settings=capture,
    )


def _counter(model: Model) -> Callable[[], Any] | None:
    data = model.files.get(PROFILE)
    if data is None:
        return None
    from toolkit.quality.baseline import from_bytes
    from toolkit.quality.counter import Counter

    baseline = from_bytes(data)
    return lambda: Counter(baseline)


def _is_frozen_between_calls() -> bool:
    return "AWS_LAMBDA_RUNTIME_API" in os.environ


def _at_the_end(close: Callable[[], None]) -> None:
    """Flush when the process ends: at exit, and where it is frozen between calls also on SIGTERM.

    There the main thread waits inside the runtime client's C code, where a Python signal handler does not run before
    the next call. The interpreter's wake-up pipe is written by the C handler itself, so a thread that sleeps on it acts
    at once. A server such as uvicorn has handlers of its own, and ends through lifespan.
    """
    atexit.register(close)
    if not _is_frozen_between_calls() or threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)

    def wait_for_the_end() -> None:
        while signal.SIGTERM not in os.read(reader, 64):
            pass
        close()
        os._exit(0)

    threading.Thread(target=wait_for_the_end, name="toolkit-end", daemon=True).start()
