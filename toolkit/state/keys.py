"""Where everything lies in the bucket: the one place that spells a key.

    journal/<name>/<16 digits>.json        the truth: registry/<model>, releases/<target>/<endpoint> ...
    blobs/sha256/<2>/<digest>              bytes by content
    models/sha256/<2>/<digest>             files of released models, which endpoints read: data is never among them
    signatures/<digest>/<key>-<n>.json     who vouches for a model or a bundle
    datasets/<name>/<version>.json         dataset documents
    runs/<id>/...                          a run's own create-only objects
    tail/runs/<id>                         a run that the run index does not hold yet
    leases/<name>.json                     compare-and-swap
    deadletter/<target>/<endpoint>/...     events that could not be read
    profiles|captures|service|feedback|...  what serving and checks write, time first: a window is one listing
    cache/...                              rebuildable: checkpoints, the run index

Times in keys are `stamp`s: no colons, and they sort as text.
"""

from __future__ import annotations

import re

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.names import check

JOURNALS = "journal/"
CACHE = "cache/"
BLOBS = "blobs/"
MODELS = "models/"
_DIGEST = r"[0-9a-f]{64}"
_RUN = r"[a-z0-9][a-z0-9-]{0,99}"


def stamp(time: str) -> str:
    """'2013-07-01T00:00:00Z' -> '20130701T000000.000000Z'."""
    moment = times.parse(time)
    return f"{moment.year:04d}{moment:%m%dT%H%M%S.%fZ}"  # %Y does not pad a year before 1000 everywhere


def window_stamp(window: str) -> str:
    """'<start>/<end>' -> '<stamp>_<stamp>'."""
    return "_".join(stamp(part) for part in window.split("/"))


# Journals


def entry(journal: str, index: int) -> str:
    return f"{JOURNALS}{journal}/{index:016d}.json"


def checkpoint(journal: str) -> str:
    return f"{CACHE}{JOURNALS}{journal}.json"


def registry(model: str) -> str:
    """Name of the journal, as the next four."""
    return f"registry/{check('model', model)}"


def releases(target: str, endpoint: str) -> str:
    return f"releases/{check('target', target)}/{check('endpoint', endpoint)}"


def triggers(model: str) -> str:
    return f"triggers/{check('model', model)}"


def incidents(target: str, endpoint: str) -> str:
    return f"incidents/{check('target', target)}/{check('endpoint', endpoint)}"


def rollouts(target: str, endpoint: str) -> str:
    return f"rollouts/{check('target', target)}/{check('endpoint', endpoint)}"


def datasets(name: str) -> str:
    return f"datasets/{check('dataset', name)}"


# Content


def blob(digest: str) -> str:
    return f"{BLOBS}{_content(digest)}"


def model_file(digest: str) -> str:
    """A file of a released model, beside the blob: who answers requests may read these and no other content."""
    return f"{MODELS}{_content(digest)}"


def _content(digest: str) -> str:
    if not re.fullmatch(_DIGEST, digest):
        raise ConfigError(f"not a SHA-256 digest: {digest!r}")
    return f"sha256/{digest[:2]}/{digest}"


def signature(subject: str, key: str, number: int) -> str:
    """The `number`th envelope of a key over the subject of that digest."""
    if not re.fullmatch(_DIGEST, subject):
        raise ConfigError(f"not a SHA-256 digest: {subject!r}")
    return f"signatures/{subject}/{_segment('key', key)}-{number:04d}.json"


def dataset(name: str, version: str) -> str:
    return f"datasets/{check('dataset', name)}/{_segment('dataset version', version)}.json"


# Runs


def run(run_id: str) -> str:
    """Everything that one run writes lies under this prefix."""
    return f"{RUNS}{_segment('run', run_id)}/"


def run_spec(run_id: str) -> str:
    return f"{run(run_id)}spec.json"


def run_claim(run_id: str) -> str:
    return f"{run(run_id)}claim.json"


def run_end(run_id: str) -> str:
    return f"{run(run_id)}end.json"


def run_segment(run_id: str, writer: str, sequence: int) -> str:
    return f"{run(run_id)}segments/{writer}-{sequence:06d}.json"


def run_log(run_id: str, sequence: int) -> str:
    """A piece of what the job printed."""
    return f"{run(run_id)}log/{sequence:06d}.txt"


def run_tail(run_id: str) -> str:
    """A marker: this run is not in the index yet."""
    return f"{RUN_TAIL}{_segment('run', run_id)}"


RUNS = "runs/"
RUN_TAIL = "tail/runs/"
RUN_INDEX = f"{CACHE}runs/index.json"
RUN_INDEXED = "tail/indexed.json"  # there was an index once: if it is gone, it has to be made again
RUN_PARTS = f"{CACHE}runs/part-"


def run_part(digest: str) -> str:
    return f"{RUN_PARTS}{digest}.bin"


# Leases


def lease(name: str) -> str:
    return f"leases/{name}.json"


def lease_clock(name: str) -> str:
    """Written only to read the store's own time."""
    return f"leases/{name}.clock"


# Serving and monitoring


def profiles(target: str, endpoint: str, model_digest: str) -> str:
    """Prefix of the counts that one model version gathered behind one endpoint."""
    return f"profiles/{check('target', target)}/{check('endpoint', endpoint)}/{_segment('model', model_digest)}/"


def profile(target: str, endpoint: str, model_digest: str, time: str, name: str) -> str:
    """One flush of counts; `time` is its end, `name` makes it unique (worker and sequence)."""
    return f"{profiles(target, endpoint, model_digest)}{stamp(time)}-{name}"


def captures(target: str, endpoint: str) -> str:
    return f"captures/{check('target', target)}/{check('endpoint', endpoint)}/"


def capture(target: str, endpoint: str, time: str, name: str) -> str:
    """Predictions (id, time, score) of one flush."""
    return f"{captures(target, endpoint)}{stamp(time)}-{name}"


def shadow(target: str, endpoint: str, rollout: int) -> str:
    """How far the captures were replayed to the challenger of that rollout."""
    return f"{CACHE}shadow/{check('target', target)}/{check('endpoint', endpoint)}/{rollout}"


def services(target: str, endpoint: str) -> str:
    return f"service/{check('target', target)}/{check('endpoint', endpoint)}/"


def service(target: str, endpoint: str, time: str, name: str) -> str:
    """Requests, errors and latencies of some minutes; `time` is that of the flush, so not before any of them."""
    return f"{services(target, endpoint)}{stamp(time)}-{name}"


def feedbacks(target: str, endpoint: str) -> str:
    return f"feedback/{check('target', target)}/{check('endpoint', endpoint)}/"


def feedback(target: str, endpoint: str, time: str, name: str) -> str:
    """Labels that came for prediction ids."""
    return f"{feedbacks(target, endpoint)}{stamp(time)}-{name}"


def deadletters(target: str, endpoint: str) -> str:
    return f"deadletter/{check('target', target)}/{check('endpoint', endpoint)}/"


def deadletter(target: str, endpoint: str, day: str, digest: str) -> str:
    """An event that could not be read: delivered again on the same day it is the same object."""
    return f"{deadletters(target, endpoint)}{stamp(day)}-{_segment('event', digest)}.json"


def reports(target: str, endpoint: str) -> str:
    return f"reports/{check('target', target)}/{check('endpoint', endpoint)}/"


def report(target: str, endpoint: str, window: str, model_digest: str) -> str:
    """One drift report: the same window of the same model is one report."""
    return f"{reports(target, endpoint)}{window_stamp(window)}-{_segment('model', model_digest)[:16]}.json"


def page(target: str, endpoint: str, window: str, model_digest: str) -> str:
    """The same report for people, as HTML."""
    name = f"{window_stamp(window)}-{_segment('model', model_digest)[:16]}.html"
    return f"pages/{check('target', target)}/{check('endpoint', endpoint)}/{name}"


def _segment(kind: str, text: str) -> str:
    if not re.fullmatch(_RUN, text):
        raise ConfigError(f"{kind} id {text!r} is not valid: 1-100 of a-z, 0-9 and hyphens")
    return text
