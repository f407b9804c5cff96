import pytest

from toolkit.domain.errors import NotFound, Throttled, Unavailable
from toolkit.state import patience


def test_what_is_fleeting_is_tried_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience, "sleep", pauses.append)
    answers = iter([Unavailable("1"), Throttled("2"), "here"])

    def call() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    assert patience.patiently(call) == "here"
    assert len(pauses) == 2
    assert 0 < pauses[0] <= patience.PAUSES[0]
    assert pauses[0] < pauses[1] <= patience.PAUSES[1]


def test_it_gives_up_with_the_last_error() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise Unavailable(f"call {len(calls)}")

    with pytest.raises(Unavailable, match=f"call {len(patience.PAUSES) + 1}"):
        patience.patiently(call)


def test_another_error_is_not_tried_again() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise NotFound("no")

    with pytest.raises(NotFound):
        patience.patiently(call)
    assert len(calls) == 1
