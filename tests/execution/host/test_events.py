import threading
from pathlib import Path

from tests.support import until
from toolkit.execution.aws_lambda import Outcome
from toolkit.execution.aws_lambda.records import failure, throttled
from toolkit.execution.host.events import Queue, put


class Calls:
    """Answers with these outcomes in turn, then well."""

    def __init__(self, *outcomes: Outcome) -> None:
        self._outcomes = list(outcomes)
        self.seen: list[bytes] = []
        self.failed: list[str] = []

    def __call__(self, payload: bytes) -> Outcome:
        self.seen.append(payload)
        return self._outcomes.pop(0) if self._outcomes else Outcome(b"null")


def run(folder: Path, calls: Calls, count: int) -> None:
    """Deliver until there were `count` calls and the folder is empty."""
    queue = Queue(folder, calls, calls.failed.append, retry_seconds=(0.01, 0.01))
    until(lambda: len(calls.seen) == count and not list(folder.iterdir()))
    queue.close()


BAD = failure("Broken", "the reason")


def test_events_are_delivered_in_order_and_then_gone(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path, {"n": number})
    calls = Calls()
    run(tmp_path, calls, 5)
    assert calls.seen == [b'{"n":%d}' % number for number in range(5)]


def test_a_failing_event_is_tried_three_times_and_told(tmp_path: Path) -> None:
    put(tmp_path, {"n": 1})
    calls = Calls(BAD, BAD, BAD)
    run(tmp_path, calls, 3)
    assert len(calls.failed) == 1
    assert "after 3 tries" in calls.failed[0]
    assert "the reason" in calls.failed[0]


def test_a_failure_that_passes_is_no_failure(tmp_path: Path) -> None:
    put(tmp_path, {"n": 1})
    calls = Calls(BAD, BAD)
    run(tmp_path, calls, 3)
    assert calls.failed == []


def test_waiting_for_a_worker_is_not_a_try(tmp_path: Path) -> None:
    put(tmp_path, {"n": 1})
    calls = Calls(throttled(), throttled(), throttled(), BAD, BAD)
    run(tmp_path, calls, 6)
    assert calls.failed == []


def test_what_a_closed_queue_has_not_delivered_is_delivered_by_the_next(tmp_path: Path) -> None:
    path = put(tmp_path, {"n": 1})
    began, over = threading.Event(), threading.Event()

    def never(payload: bytes) -> Outcome:
        began.set()
        over.wait(5)
        return BAD

    queue = Queue(tmp_path, never, lambda text: None)
    assert began.wait(5)
    threading.Timer(0.05, over.set).start()
    queue.close()
    assert path.exists()
    calls = Calls()
    run(tmp_path, calls, 1)
