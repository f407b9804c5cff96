"""Clients that others wrote, unchanged, against the application over real HTTP and against a deployed function.

Each runs in an environment of its own, so it brings its own versions of everything and nothing of ours. What it is
answered has to be what /predict answers to the same rows.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import peers
from tests.serving import callers, endpoints
from tests.serving.callers import TOKEN, by_jwt
from tests.serving.endpoints import FEATURES, ROW
from tests.serving.live import served
from tests.support import Shell, small_csv
from toolkit.serving import auth
from toolkit.serving.app import Info, create_app
from toolkit.serving.model import load
from toolkit.serving.settings import Auth

TRITON = ("tritonclient[http]>=2.60",)
MLFLOW = ("mlflow-skinny>=3.5", "pandas>=2.2", "scipy>=1.15")
KSERVE = ("kserve>=0.15",)
ROWS: list[dict[str, Any]] = [
    ROW,
    {**ROW, "delay": None, "carrier code": None, "hour": None, "rain": None},
    {**ROW, "delay": -3.25, "origin": "EWR", "carrier code": 'né, "w"\n', "rain": False, "distance": 2_000},
]
DTYPES = {f.name: f.dtype for f in FEATURES}


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """How the endpoint is guarded -> its address."""
    files = endpoints.sampled_files()
    app = create_app(load(files.files, files.digest), info=Info(endpoint="flights", version=3))
    by_token = auth.guarded(app, Auth(mode="token", tokens=(auth.digest(TOKEN),)))
    with served(app) as public, served(by_token) as token, served(auth.guarded(app, by_jwt())) as jwt:
        yield {"public": public, "token": token, "jwt": jwt}


def expected(url: str, rows: list[dict[str, Any]] = ROWS, token: str = "") -> list[dict[str, Any]]:
    """What /predict says of the rows, asked with the standard library."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{url}/predict", json.dumps({"records": rows}).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        predictions: list[dict[str, Any]] = json.load(reply)["predictions"]
    return [{key: value for key, value in p.items() if key != "id"} for p in predictions]


TRITON_SCRIPT = """
import gevent.ssl, numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(given["url"])
headers, name = given["headers"], given["model"]
found = {
    "live": client.is_server_live(), "ready": client.is_server_ready(),
    "model ready": client.is_model_ready(name, "3", headers=headers),
    "server": client.get_server_metadata(headers=headers),
    "metadata": client.get_model_metadata(name, headers=headers),
}
TYPES = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}

def inputs(binary):
    made = []
    for tensor in found["metadata"]["inputs"]:
        values = [row[tensor["name"]] for row in given["rows"]]
        if tensor["datatype"] == "FP64":
            values = [float("nan") if v is None else v for v in values]
        if tensor["datatype"] == "BYTES":
            values = [str(v).encode() for v in values]
        array = np.array(values, dtype=TYPES[tensor["datatype"]])
        given_input = triton.InferInput(tensor["name"], list(array.shape), tensor["datatype"])
        given_input.set_data_from_numpy(array, binary_data=binary)
        made.append(given_input)
    return made

answers = []
for binary_in in given["binary_in"]:
    for binary_out in (True, False):
        outputs = [triton.InferRequestedOutput(n, binary_data=binary_out) for n in ("label", "probabilities")]
        for compress in (None, "gzip"):
            reply = client.infer(
                name, inputs(binary_in), outputs=outputs, headers=dict(headers), request_id="mine",
                request_compression_algorithm=compress,
            )
            labels = [v.decode() if isinstance(v, bytes) else v for v in reply.as_numpy("label").tolist()]
            answers.append([reply.get_response()["id"], labels, reply.as_numpy("probabilities").tolist()])
found["answers"] = answers
found["async"] = client.async_infer(name, inputs(True), headers=headers).get_result().as_numpy("label").shape
refusals = {}
for what, arguments in {
    "no such model": ("other", inputs(True)), "missing input": (name, inputs(True)[:-1]),
}.items():
    try:
        client.infer(*arguments, headers=headers)
    except InferenceServerException as refused:
        refusals[what] = [refused.status(), refused.message()]
try:
    client.infer(name, inputs(True))
except InferenceServerException as refused:
    refusals["no token"] = [refused.status(), refused.message()]
print(json.dumps({**found, "refusals": refusals}))
"""


@pytest.mark.slow
def test_tritons_client_speaks_v2_in_json_and_in_binary(urls: dict[str, str]) -> None:
    python = peers.python_with(*TRITON)
    full = [ROWS[0], ROWS[2]]  # numpy has no null in texts and bools
    answer = expected(urls["public"], full)
    for kind, token in (("public", ""), ("token", TOKEN), ("jwt", callers.signed())):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        found = peers.ask(
            python, TRITON_SCRIPT, url=urls[kind].removeprefix("http://"), headers=headers, rows=full,
            model="flights", binary_in=[True, False],
        )  # fmt: skip
        assert (found["live"], found["ready"], found["model ready"], found["async"]) == (True, True, True, [2])
        assert found["server"]["extensions"] == ["binary_tensor_data"]
        assert [i["name"] for i in found["metadata"]["inputs"]] == [f.name for f in FEATURES]
        assert len(found["answers"]) == 8
        for request_id, labels, probabilities in found["answers"]:
            assert request_id == "mine"
            assert labels == [row["label"] for row in answer]
            assert probabilities == [list(row["probabilities"].values()) for row in answer]
        assert "model 'other' is not served here" in found["refusals"]["no such model"][1]
        assert "day" in found["refusals"]["missing input"][1]
        refused = found["refusals"].get("no token")
        assert (refused is None) is (kind == "public")
        assert refused is None or (refused[0] == "401" and "asks for a token" in refused[1])


@pytest.mark.slow
def test_tritons_client_says_what_is_missing_with_nan(urls: dict[str, str]) -> None:
    rows = [{**ROW, "delay": None}]
    found = peers.ask(
        peers.python_with(*TRITON), TRITON_SCRIPT, url=urls["public"].removeprefix("http://"), headers={}, rows=rows,
        model="flights", binary_in=[True],
    )  # fmt: skip
    answer = expected(urls["public"], rows)
    assert found["answers"][0][2] == [list(answer[0]["probabilities"].values())]


MLFLOW_SCRIPT = """
import numpy as np, pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from urllib.parse import urlsplit

address = urlsplit(given["url"])
client = ScoringServerClient(address.hostname, str(address.port) + address.path)
client.wait_server_ready(timeout=10)
rows, order = given["rows"], list(given["rows"][0])
frame = pd.DataFrame(rows)[order]
values = np.array([[row[name] for name in order] for row in rows], dtype=object)
answers = {
    "frame": client.invoke(frame).get_predictions().to_dict("records"),
    "array": client.invoke(values).get_predictions().to_dict("records"),
    "parameters": client.invoke(frame, params={"temperature": 1.0}).get_predictions().to_dict("records"),
}
try:
    client.invoke(frame.drop(columns=[order[1]]))
    refused = ""
except Exception as error:
    refused = str(error)
print(json.dumps({"answers": answers, "refused": refused, "version": client.get_version()}))
"""


@pytest.mark.exhaustive
def test_mlflows_scoring_client(urls: dict[str, str]) -> None:
    found = peers.ask(peers.python_with(*MLFLOW), MLFLOW_SCRIPT, url=urls["public"], rows=ROWS)
    answer = expected(urls["public"])
    for what, predictions in found["answers"].items():
        assert [{k: v for k, v in row.items() if k != "id"} for row in predictions] == answer, what
    assert "BAD_REQUEST" in found["refused"]
    assert "'distance': is missing" in found["refused"]
    assert found["version"]


KSERVE_SCRIPT = """
import asyncio, httpx
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

rows, headers, name, url = given["rows"], given["headers"], given["model"], given["url"]

async def main():
    one = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    found = {"by row": await one.infer(url, {"instances": rows}, model_name=name, headers=headers)}
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    found["by column"] = await one.infer(url, {"inputs": columns}, model_name=name, headers=headers)
    try:
        await one.infer(url, {"instances": [{}]}, model_name=name, headers=headers)
    except httpx.HTTPStatusError as refused:
        found["refused"] = [refused.response.status_code, str(refused)]
    two = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    found["live"], found["ready"] = await two.is_server_live(url), await two.is_server_ready(url)
    found["model ready"] = await two.is_model_ready(url, name, headers=headers)
    datatypes = given["datatypes"]
    inputs = [InferInput(key, [len(rows)], datatypes[key], data=values) for key, values in columns.items()]
    reply = await two.infer(url, InferRequest(name, inputs), model_name=name, headers=headers)
    found["v2"] = {output.name: output.as_numpy().tolist() for output in reply.outputs}
    return found

print(json.dumps(asyncio.run(main())))
"""


@pytest.mark.exhaustive
def test_kserves_client_speaks_tensorflow_servings_rest_and_v2(urls: dict[str, str]) -> None:
    full = [ROWS[0], ROWS[2]]
    kinds = {"float64": "FP64", "int64": "INT64", "bool": "BOOL"}
    answer = expected(urls["public"], full)
    for kind, headers in (("public", {}), ("token", {"Authorization": f"Bearer {TOKEN}"})):
        found = peers.ask(
            peers.python_with(*KSERVE), KSERVE_SCRIPT, url=urls[kind], headers=headers, rows=full, model="flights",
            datatypes={name: kinds.get(dtype, "BYTES") for name, dtype in DTYPES.items()},
        )  # fmt: skip
        shares = [list(row["probabilities"].values()) for row in answer]
        labels = [row["label"] for row in answer]
        assert found["by row"]["predictions"] == [
            {"label": label, "probabilities": share} for label, share in zip(labels, shares, strict=True)
        ]
        assert found["by column"]["outputs"] == {"label": labels, "probabilities": shares}
        assert found["refused"][0] == 400
        assert "is missing" in found["refused"][1]
        assert (found["live"], found["ready"], found["model ready"]) == (True, True, True)
        assert found["v2"]["probabilities"] == shares


def sagemaker(url: str, token: str = "") -> Any:
    """boto3's client of the SageMaker runtime, pointed here. Its signature says nothing here; a token goes in its
    place."""
    made = boto3.client(
        "sagemaker-runtime", endpoint_url=url, region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1}, parameter_validation=True),
    )  # fmt: skip
    if token:
        made.meta.events.register(
            "before-send.sagemaker-runtime",
            lambda request, **more: request.headers.update(Authorization=f"Bearer {token}"),
        )
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "token"), [("public", ""), ("token", TOKEN)])
def test_boto3_invokes_it_as_a_sagemaker_endpoint(urls: dict[str, str], kind: str, token: str) -> None:
    client = sagemaker(urls[kind], token)
    answer = expected(urls["public"])
    body = json.dumps({"instances": ROWS}).encode()
    reply = client.invoke_endpoint(EndpointName="flights", ContentType="application/json", Body=body)
    found = json.loads(reply["Body"].read())["predictions"]
    assert [{k: v for k, v in row.items() if k != "id"} for row in found] == answer
    assert reply["ContentType"] == "application/json"
    cells = ",".join(json.dumps(v) if isinstance(v, str) else str(v) for v in ROW.values())
    reply = client.invoke_endpoint(EndpointName="flights", ContentType="text/csv", Accept="text/csv", Body=cells)
    assert reply["Body"].read().decode().startswith(answer[0]["label"])
    with pytest.raises(ClientError) as refused:
        client.invoke_endpoint(EndpointName="flights", ContentType="application/json", Body=b'{"instances": [{}]}')
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError) as unknown:
        client.invoke_endpoint(EndpointName="other", ContentType="application/json", Body=body)
    assert unknown.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    if token:
        with pytest.raises(ClientError) as nobody:
            sagemaker(urls[kind]).invoke_endpoint(EndpointName="flights", ContentType="application/json", Body=body)
        assert nobody.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


@pytest.mark.exhaustive
def test_the_same_clients_against_a_deployed_function(tmp_path: Path, shell: Shell) -> None:
    """From a file to an endpoint that asks for its own token, and the clients at its address."""
    (tmp_path / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned", tmp_path)
    with (tmp_path / "toolkit.toml").open("a") as config:
        config.write('\n[serve]\nauth = "token"\n')
    shell.ok("train", tmp_path)
    shell.ok("promote --yes", tmp_path)
    refused = shell.run("deploy --yes", tmp_path)
    assert refused.code == 4
    assert "toolkit token --new" in refused.err
    token = shell.ok("token --new", tmp_path).out.strip()
    try:
        deployed = shell.ok("deploy --yes --json", tmp_path).data
        assert token not in json.dumps(deployed)
        assert shell.ok("token", tmp_path).out.strip() == token
        assert len(shell.ok("invoke --sample 2 --json", tmp_path).data["predictions"]) == 2
        model = shell.ok("status --json", tmp_path).data["model"]["name"]
        clients_agree(deployed["url"], token, model)
    finally:
        shell.run("destroy --yes", tmp_path)


def explanations(url: str, rows: list[dict[str, Any]], token: str) -> list[dict[str, Any]]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/explain", json.dumps(rows).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as reply:
        found: list[dict[str, Any]] = json.load(reply)["explanations"]
    return found


def clients_agree(url: str, token: str, model: str) -> None:
    rows = [{"months": 12, "plan": "pro", "spend": 20.5, "joined": "2024-01-01", "city": "Oslo"}]
    request = urllib.request.Request(f"{url}/", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        about = json.load(reply)
    rows = [{f["name"]: rows[0].get(f["name"]) for f in about["features"]}]
    answer = expected(url, rows, token)
    explained = explanations(url, rows, token)
    assert [row["method"] for row in explained] == ["exact"]
    assert explained[0]["prediction"] == answer[0]
    client = sagemaker(url, token)
    reply = client.invoke_endpoint(
        EndpointName=model, ContentType="application/json", Body=json.dumps({"instances": rows}).encode()
    )
    found = json.loads(reply["Body"].read())["predictions"]
    assert [{k: v for k, v in row.items() if k != "id"} for row in found] == answer
    triton = TRITON_SCRIPT.replace('"3"', f'"{about["version"]}"')
    made = peers.ask(
        peers.python_with(*TRITON), triton, url=url.removeprefix("http://"),
        headers={"Authorization": f"Bearer {token}"}, rows=rows, model=model, binary_in=[True, False],
    )  # fmt: skip
    assert all(labels == [answer[0]["label"]] for _, labels, _ in made["answers"])
    assert made["refusals"]["no token"][0] == "401"
