"""Bad requests of the protocols that speak of rows: SageMaker, MLflow, Vertex AI and Azure ML."""

from __future__ import annotations

import gzip

import msgspec

from tests.serving.endpoints import ROW
from tests.serving.protocols.bad import AZURE, SM, TYPED, VERTEX, Bad, row
from tests.serving.protocols.questions import CSV, LINES, NAMES, as_csv


def cells(**changes: str) -> bytes:
    """ROW as one CSV line in the order of the features."""
    return ",".join(changes.get(name.split()[0], str(ROW[name])) for name in NAMES).encode()


TABLE: dict[str, Bad] = {
    # SageMaker
    "sm, empty": Bad(SM, 400, "the body is empty", b""),
    "sm, XML": Bad(
        SM, 415, "send application/json or application/jsonlines or text/csv", b"<a/>", {"content-type": "text/xml"}
    ),
    "sm, accept XML": Bad(
        SM,
        406,
        "accept 'text/xml' is not offered; application/json, text/csv",
        {"instances": [ROW]},
        {**TYPED, "accept": "text/xml"},
    ),
    "sm, too large": Bad(SM, 413, "20000 bytes", b" " * 20_001),
    "sm, gzip bomb": Bad(
        SM, 413, "20000 bytes", gzip.compress(b"1," * 10**6), {"content-type": CSV, "content-encoding": "gzip"}
    ),
    "sm, wrong value": Bad(SM, 400, "row 0, field 'rain': expected true or false", {"instances": [row(rain=1)]}),
    "sm, features too short": Bad(SM, 400, "row 0: has 1 values, expected 7", {"instances": [{"features": [1]}]}),
    "sm, features that are text": Bad(SM, 400, "field 'features': unknown field", {"instances": [{"features": "x"}]}),
    "sm, number": Bad(SM, 400, "expected", b"5"),
    "sm, CSV of nothing": Bad(SM, 400, "the body is empty", b" \n\n", {"content-type": CSV}),
    "sm, CSV of a header alone": Bad(SM, 400, "there are no rows", ",".join(NAMES).encode(), {"content-type": CSV}),
    "sm, CSV too short": Bad(
        SM, 400, "row 1: has 2 values, expected 7, in this order", cells() + b"\n1,2", {"content-type": CSV}
    ),
    "sm, CSV below a header too short": Bad(
        SM, 400, "row 0: has 1 values, expected 7", ",".join(NAMES).encode() + b"\n1", {"content-type": CSV}
    ),
    "sm, CSV with text for a number": Bad(
        SM, 400, "row 0, field 'delay': expected a number, got text 'x'", cells(delay="x"), {"content-type": CSV}
    ),
    "sm, CSV with 1_000": Bad(
        SM, 400, "field 'delay': expected a number, got text '1_000'", cells(delay="1_000"), {"content-type": CSV}
    ),
    "sm, CSV with infinity": Bad(
        SM, 400, "field 'delay': Infinity is not a finite", cells(delay="inf"), {"content-type": CSV}
    ),
    "sm, CSV with a fraction": Bad(
        SM, 400, "field 'distance': expected a whole number, got 1.5", cells(distance="1.5"), {"content-type": CSV}
    ),
    "sm, CSV with 2**70": Bad(
        SM, 400, "outside the range of 64-bit", cells(distance=str(2**70)), {"content-type": CSV}
    ),
    "sm, CSV with an empty cell": Bad(
        SM, 400, "field 'distance': may not be null", cells(distance=""), {"content-type": CSV}
    ),
    "sm, CSV with maybe": Bad(
        SM, 400, "field 'rain': expected true or false, got text 'maybe'", cells(rain="maybe"), {"content-type": CSV}
    ),
    "sm, CSV with noon": Bad(SM, 400, "field 'hour': expected RFC 3339", cells(hour="noon"), {"content-type": CSV}),
    "sm, CSV header unknown": Bad(
        SM, 400, "did you mean 'delay'", as_csv([ROW], True).replace(b"delay", b"dela"), {"content-type": CSV}
    ),
    "sm, CSV header twice": Bad(
        SM, 400, "field 'delay': is there twice", as_csv([ROW], True).replace(b"rain", b"delay"), {"content-type": CSV}
    ),
    "sm, CSV header said and absent": Bad(
        SM, 400, "unknown field", cells() + b"\n" + cells(), {"content-type": "text/csv; header=present"}
    ),
    "sm, CSV header denied": Bad(
        SM, 400, "got text 'day'", as_csv([ROW], True).replace(b"\r", b""), {"content-type": "text/csv;header=absent"}
    ),
    "sm, CSV open quote": Bad(SM, 400, "is not CSV", b'"1,2', {"content-type": CSV}),
    "sm, CSV text after a quote": Bad(SM, 400, "row 0 is not CSV", b'"1"x,2', {"content-type": CSV}),
    "sm, CSV not UTF-8": Bad(
        SM, 400, "not UTF-8", cells(origin="J\xff").decode().encode("latin-1"), {"content-type": CSV}
    ),
    "sm, CSV too many rows": Bad(SM, 413, "51 rows", b"\n".join([cells()] * 51), {"content-type": CSV}),
    "sm, lines not JSON": Bad(
        SM, 400, "line 2: the body is not JSON", msgspec.json.encode(ROW) + b"\n{\n", {"content-type": LINES}
    ),
    "sm, lines of numbers": Bad(SM, 400, "row 0: expected an object", b"1\n2", {"content-type": LINES}),
    "sm, lines with a wrong value": Bad(
        SM,
        400,
        "row 1, field 'delay'",
        b"\n".join(map(msgspec.json.encode, (ROW, row(delay="x")))),
        {"content-type": LINES},
    ),
    "sm, lines of nothing": Bad(SM, 400, "there are no rows", b"\n \n", {"content-type": LINES}),
    "sm, too many lines": Bad(SM, 413, "51 lines", b"1\n" * 51, {"content-type": LINES}),
    # MLflow
    "mlflow, split of a list": Bad(
        SM, 400, "field 'dataframe_split': expected columns and data", {"dataframe_split": []}
    ),
    "mlflow, split without data": Bad(
        SM, 400, "field 'dataframe_split.data': is missing", {"dataframe_split": {"columns": NAMES}}
    ),
    "mlflow, split with wrong columns": Bad(
        SM,
        400,
        "field 'dataframe_split.columns': expected a list of names",
        {"dataframe_split": {"columns": [1], "data": []}},
    ),
    "mlflow, split with a column twice": Bad(
        SM, 400, "field 'delay': is there twice", {"dataframe_split": {"columns": ["delay", "delay"], "data": []}}
    ),
    "mlflow, split with an unknown column": Bad(
        SM,
        400,
        "field 'delays': unknown field; did you mean",
        {"dataframe_split": {"columns": ["delays"], "data": [[1]]}},
    ),
    "mlflow, split with a short row": Bad(
        SM, 400, "row 1: has 1 values, expected 7", {"dataframe_split": {"data": [list(ROW.values()), [1]]}}
    ),
    "mlflow, split with a row of text": Bad(
        SM, 400, "row 0: expected a list of values", {"dataframe_split": {"data": ["x"]}}
    ),
    "mlflow, split with a wrong value": Bad(
        SM,
        400,
        "row 0, field 'delay': expected a number",
        {"dataframe_split": {"data": [["x", *list(ROW.values())[1:]]]}},
    ),
    "mlflow, records of an object": Bad(
        SM, 400, "field 'dataframe_records': expected a list of rows", {"dataframe_records": ROW}
    ),
    "mlflow, records with a wrong value": Bad(
        SM, 400, "field 'day': expected a date", {"dataframe_records": [row(day=1)]}
    ),
    "mlflow, inputs with a wrong value": Bad(
        SM, 400, "row 0, field 'delay': expected a number", {"inputs": {"delay": ["x"]}}
    ),
    "mlflow, inputs of text": Bad(SM, 400, "field 'inputs': expected a list of rows", {"inputs": "x"}),
    "mlflow, two of them": Bad(
        SM, 400, "field 'inputs': unknown field beside 'instances'", {"instances": [ROW], "inputs": [ROW]}
    ),
    "mlflow, something beside": Bad(
        SM, 400, "field 'x': unknown field beside 'dataframe_split'", {"dataframe_split": {}, "x": 1}
    ),
    "mlflow, no rows": Bad(SM, 400, "there are no rows", {"dataframe_records": []}),
    # Vertex AI
    "vertex, empty": Bad(VERTEX, 400, "the body is empty", b""),
    "vertex, not JSON": Bad(VERTEX, 400, "not JSON", b"instances"),
    "vertex, list": Bad(VERTEX, 400, "expected an object", [ROW]),
    "vertex, nothing": Bad(VERTEX, 400, "field 'instances': is missing", {"parameters": {}}),
    "vertex, something beside": Bad(VERTEX, 400, "field 'x': unknown field", {"instances": [ROW], "x": 1}),
    "vertex, an object": Bad(VERTEX, 400, "field 'instances': expected a list of rows", {"instances": ROW}),
    "vertex, no rows": Bad(VERTEX, 400, "there are no rows", {"instances": []}),
    "vertex, wrong value": Bad(VERTEX, 400, "row 0, field 'delay': expected a number", {"instances": [row(delay="x")]}),
    "vertex, unknown field": Bad(VERTEX, 400, "field 'z': unknown field", {"instances": [row(z=1)]}),
    "vertex, short row": Bad(VERTEX, 400, "row 1: has 1 values", {"instances": [ROW, [1]]}),
    "vertex, too many rows": Bad(VERTEX, 413, "51 rows", {"instances": [ROW] * 51}),
    "vertex, CSV": Bad(VERTEX, 415, "not taken", b"1", {"content-type": CSV}),
    # Azure ML
    "azure, empty": Bad(AZURE, 400, "the body is empty", b""),
    "azure, not UTF-8": Bad(AZURE, 400, "not UTF-8", b'{"data": "\xff"}'),
    "azure, number": Bad(AZURE, 400, "expected", b"5"),
    "azure, nothing": Bad(AZURE, 400, "is missing", {}),
    "azure, both": Bad(
        AZURE, 400, "field 'data': unknown field beside 'input_data'", {"input_data": [ROW], "data": [ROW]}
    ),
    "azure, something beside": Bad(AZURE, 400, "field 'x': unknown field beside 'data'", {"data": [ROW], "x": 1}),
    "azure, text": Bad(AZURE, 400, "field 'data': expected a list of rows", {"data": "x"}),
    "azure, split without rows": Bad(AZURE, 400, "there are no rows", {"input_data": {"columns": NAMES, "data": []}}),
    "azure, split with a short row": Bad(
        AZURE, 400, "row 0: has 1 values", {"input_data": {"columns": NAMES, "data": [[1]]}}
    ),
    "azure, split with a wrong value": Bad(
        AZURE, 400, "field 'delay': expected a number", {"input_data": {"data": [["x", *list(ROW.values())[1:]]]}}
    ),
    "azure, columns of unequal length": Bad(
        AZURE, 400, "another column has 2", {"input_data": {"delay": [1], "distance": [1, 2]}}
    ),
    "azure, wrong value": Bad(AZURE, 400, "row 0, field 'origin': expected text", {"data": [row(origin=1)]}),
    "azure, too many rows": Bad(AZURE, 413, "51 rows", {"data": [ROW] * 51}),
    "azure, XML": Bad(AZURE, 415, "not taken", b"<a/>", {"content-type": "text/xml"}),
}
