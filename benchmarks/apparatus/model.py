"""The model that every server serves: gradient boosted trees on 30 features, as ONNX for us and for FastAPI, as joblib
for the others; and the environment of our server."""

from __future__ import annotations

import json
import os
from pathlib import Path

FEATURES = 30
NAMES = [f"x{i}" for i in range(FEATURES)]
Rows = list[list[float]]


def write(folder: Path) -> tuple[str, Rows]:
    """`model/` (ours), `peer.onnx` and `model.joblib`. The digest of ours, and 569 rows that are float32."""
    import joblib
    import numpy as np
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import HistGradientBoostingClassifier

    from toolkit.domain import codec
    from toolkit.domain import digest as digests
    from toolkit.domain.records import Feature, ModelManifest, Signature, Split
    from toolkit.models.export import to_onnx
    from toolkit.quality.baseline import build_baseline

    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    trees = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(x, y)  # no names that peers would miss
    features = tuple(Feature(name=name, dtype="float64") for name in NAMES)
    matrix = [("x", FloatTensorType([None, FEATURES]))]
    theirs = skl2onnx.to_onnx(trees, initial_types=matrix, options={id(trees): {"zipmap": False}}).SerializeToString()
    signature = Signature(task="binary", features=features, label="y", classes=("0", "1"), label_dtype="int64")
    columns = {name: column.tolist() for name, column in zip(NAMES, x.T, strict=True)}
    scores = trees.predict_proba(x)[:, 1].tolist()
    baseline = build_baseline(columns, features, scores, [str(v) for v in y], "binary", ("0", "1"))
    files = {"model.onnx": to_onnx(trees, features, ("0", "1")), "profile": baseline.to_bytes()}
    manifest = codec.encode(
        ModelManifest(
            model="bench", signature=signature, files={n: digests.of_bytes(d) for n, d in files.items()},
            sizes={n: len(d) for n, d in files.items()}, metrics={}, dataset="bench", dataset_version="0", code="0",
            split=Split(),
        )
    )  # fmt: skip
    (folder / "model").mkdir()
    for name, data in {"manifest.json": manifest, **files}.items():
        (folder / "model" / name).write_bytes(data)
    (folder / "peer.onnx").write_bytes(theirs)
    joblib.dump(trees, folder / "model.joblib")
    return digests.of_bytes(manifest), x.astype(float).tolist()


def records(rows: Rows) -> dict[str, list[dict[str, float]]]:
    return {"records": [dict(zip(NAMES, row, strict=True)) for row in rows]}


def columns(rows: Rows) -> dict[str, dict[str, list[float]]]:
    return {"columns": dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True))}


def environment(folder: Path, digest: str) -> dict[str, str]:
    """Of a server that serves it: capture, metrics and validation are on, nobody has to say who he is."""
    store = {"provider": "local", "settings": {"store": str(folder / "store")}}
    runtime = {
        "project": "bench", "target": "dev", "endpoint": "bench", "model": "bench", "model_version": 1,
        "model_digest": digest, "ports": {"store": store},
        "values": {"auth": {"mode": "public"}, "limits": {"max_body": 64 * 1024**2}},
    }  # fmt: skip
    checkout = str(Path(__file__).parents[2])
    return {
        "TOOLKIT_RUNTIME": json.dumps(runtime),
        "LAMBDA_TASK_ROOT": str(folder),
        "PEER_MODEL": str(folder / "peer.onnx"),
        "PEER_JOBLIB": str(folder / "model.joblib"),
        "PYTHONPATH": os.pathsep.join([str(folder), checkout]),
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # trees of scikit-learn spin for each other: 20 times slower on a busy machine
    }
