from __future__ import annotations

import msgspec

from toolkit.serving.problems import Finding, Problem, shown


def test_the_document_is_rfc_9457() -> None:
    problem = Problem(422, "invalid-input", "row 0: x", findings=[Finding(0, "a", "x"), Finding(None, None, "y")])
    assert msgspec.json.decode(problem.encode("r-1")) == {
        "type": "urn:toolkit:problem:invalid-input",
        "title": "The request does not fit the model",
        "status": 422,
        "detail": "row 0: x",
        "request_id": "r-1",
        "errors": [{"row": 0, "field": "a", "message": "x"}, {"row": None, "field": None, "message": "y"}],
    }
    assert "errors" not in msgspec.json.decode(Problem(404, "x", "y").encode(""))


def test_what_is_shown_is_short_and_can_be_encoded() -> None:
    assert shown("a" * 100) == "a" * 57 + "..."
    assert shown("\ud800x") == "\\ud800x"
    assert shown([[["deep"]]]) == "a list"
    assert shown({"a": 1}) == "an object"
    assert shown(12) == "12"
    msgspec.json.encode(Problem(400, "x", "\udfff").encode("r"))
