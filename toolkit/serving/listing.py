"""The predictions of many rows as JSON, without an object a row.

Ten thousand dictionaries cost more than the model does. All numbers are written in one call, and each row is one
formatting of a template; the bytes are those that encoding a dictionary a row gives (a test compares).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from toolkit.serving.model import Prediction
from toolkit.serving.shares import Shares

FROM = 32  # rows; below, dictionaries are as fast

_encode = msgspec.json.Encoder().encode


def predictions(prefix: str, prediction: Prediction) -> bytes:
    """`[{"id", "label", "probabilities"}, ...]` or `[{"id", "value"}, ...]`; `prefix` is that of the ids."""
    rows = len(prediction)
    if prediction.labels:
        names = [_literal(_encode(name)) for name in prediction.classes]
        shares = b",".join(name + b":%b" for name in names)
        template = b'{"id":"' + prefix.encode() + b'-%d","label":%b,"probabilities":{' + shares + b"}}"
        spelled = {label: _encode(label) for label in set(prediction.labels)}
        labels = map(spelled.__getitem__, prediction.labels)
        given = prediction.probabilities
        flat = given.table.reshape(-1).tolist() if isinstance(given, Shares) else [s for row in given for s in row]
        numbers = _written(flat)
        width = len(names)
        filled = zip(range(rows), labels, *(numbers[k::width] for k in range(width)), strict=True)
    else:
        template = b'{"id":"' + prefix.encode() + b'-%d","value":%b}'
        filled = zip(range(rows), _written(prediction.values), strict=True)
    return b"[" + b",".join(map(template.__mod__, filled)) + b"]"


class OneRow:
    """The whole body for one row, as encoding a dictionary gives it: all but the id and the numbers is known before."""

    def __init__(self, model: str, version: int, classes: Sequence[str]) -> None:
        head = _encode({"model": model, "version": version})[:-1] + b',"predictions":[{"id":"'
        shares = b",".join(_encode(name).replace(b"%", b"%%") + b":%b" for name in classes)
        start = head.replace(b"%", b"%%") + b"%b-0"
        self._value = start + b'","value":%b}]}'
        self._labelled = {
            label: start
            + b'","label":'
            + _encode(label).replace(b"%", b"%%")
            + b',"probabilities":{'
            + shares
            + b"}}]}"
            for label in classes
        }

    def __call__(self, prefix: str, prediction: Prediction) -> bytes:
        if not prediction.labels:
            return self._value % (prefix.encode(), _encode(prediction.values[0]))
        numbers = _encode(prediction.probabilities[0])[1:-1].split(b",")
        return self._labelled[prediction.labels[0]] % (prefix.encode(), *numbers)


def _written(numbers: Sequence[float]) -> list[bytes]:
    return _encode(numbers)[1:-1].split(b",")


def _literal(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
