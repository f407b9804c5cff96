"""TensorFlow Serving's REST API: `{"instances": [...]}` by row, `{"inputs": {...}}` by column, and the model's status.

A classifier has two outputs, `label` and `probabilities` (in the order of the classes that `GET /` lists), so a row of
its answer is an object of both; a regression has one, so a row is the number, as TensorFlow Serving has it. Values may
be in a list of one (shape [n, 1]) and text may be `{"b64": ...}`. The one signature is `serving_default`.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols import reading, refusing
from toolkit.serving.protocols.reading import refused
from toolkit.serving.routing import Answer, Request

if TYPE_CHECKING:
    from toolkit.serving.app import App

SIGNATURE = "serving_default"
KEYS = ("signature_name", "instances", "inputs")


async def status(app: App, request: Request) -> Answer:
    state = {
        "version": str(app.info.version),
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    return Answer(200, app.encode({"model_version_status": [state]}))


async def predict(app: App, request: Request) -> Answer:
    document = reading.document(await request.body.read(request.headers), "instances", "inputs")
    for name in document:
        if name not in KEYS:
            raise refused(shown(name), f"unknown field; there are {', '.join(KEYS)}")
    if document.get("signature_name", SIGNATURE) not in (SIGNATURE, ""):
        raise refused("signature_name", f"no signature {shown(document['signature_name'])}; there is {SIGNATURE!r}")
    names = [f.name for f in app.model.signature.features]
    by_row = "instances" in document
    if by_row:
        records = reading.rows(names, document["instances"], "instances")
        batch = app.validator.records(_unwrapped(records))
    else:
        batch = app.validator.table(_columns(names, document["inputs"]))
    prefix, prediction = await app.predicted(request, batch)
    outputs: Any = prediction.values
    if prediction.labels:
        outputs = {"label": prediction.labels, "probabilities": list(prediction.probabilities)}
    if by_row and prediction.labels:
        pairs = zip(prediction.labels, prediction.probabilities, strict=True)
        outputs = [{"label": label, "probabilities": shares} for label, shares in pairs]
    answer = {"predictions" if by_row else "outputs": outputs}
    return Answer(200, app.encode(answer), headers=((b"x-prediction-id", prefix.encode()),))


def failure(problem: Problem) -> Answer:
    return refusing.answer(problem, {"error": refusing.sentence(problem)})


def _columns(names: list[str], inputs: Any) -> dict[str, Any]:
    if isinstance(inputs, list) and len(names) == 1:  # the name of an only input may be left out
        inputs = {names[0]: inputs}
    if not isinstance(inputs, dict):
        raise refused("inputs", f"expected an object of columns, got {shown(inputs)}")
    return {
        name: [_plain(v, name) for v in values] if isinstance(values, list) else values
        for name, values in reading.columns(inputs).items()
    }


def _unwrapped(records: list[Any]) -> list[Any]:
    """The records with every value by itself. Clients write all rows alike, so the first says whether there is work;
    what a later one hides, the validator names."""
    first = records[0] if records else None
    if not isinstance(first, dict) or not any(isinstance(value, (list, dict)) for value in first.values()):
        return records
    return [
        {
            name: _plain(value[0] if type(value) is list and len(value) == 1 else value, name)
            for name, value in record.items()
        }
        if isinstance(record, dict)
        else record
        for record in records
    ]


def _plain(value: Any, name: str) -> Any:
    if not (isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)):
        return value
    try:
        return binascii.a2b_base64(value["b64"].encode(), strict_mode=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise refused(name, "the b64 is not base64 of UTF-8 text") from error
