"""What the measurements aim at, by benchmark, for a row or a ratio of that name. Shown beside it; never a test."""

from __future__ import annotations

from typing import NamedTuple


class Aim(NamedTuple):
    word: str  # "at most", "at least"
    value: float

    def met(self, measured: float) -> bool:
        return measured <= self.value if self.word == "at most" else measured >= self.value


def at_most(value: float) -> Aim:
    return Aim("at most", value)


def at_least(value: float) -> Aim:
    return Aim("at least", value)


AIMS: dict[str, dict[str, Aim]] = {
    "cold_start": {
        "ours_over_floor": at_most(1.6),
        "compiled_over_floor": at_most(2.5),
        "bentoml_over_ours": at_least(12),
        "mlflow_over_ours": at_least(20),
        "usual_over_ours": at_least(5),
        "bentoml_over_compiled": at_least(30),
        "ours, compiled: zip": at_most(3),
    },
    "serving": {
        "ours_over_bentoml_throughput": at_least(15),
        "ours_over_fastapi_onnxruntime_throughput": at_least(3),
        "bentoml_over_ours_100_rows": at_least(5),
        "mlserver_over_ours_10000_rows": at_least(1),
        "raw_tensors_over_predict_alone": at_most(1.3),
        "Mangum and ours over a bare handler, a call": at_most(0.15),
    },
    "bundles": {
        "ours with onnxruntime: a new model": at_most(0.5),
        "sam_over_ours_build": at_least(1),
        "chalice_over_ours_build": at_least(1),
    },
    "drift": {
        "scipy_over_ours": at_least(5),
        "ours_over_scan": at_most(4),
        "count_row_over_json_loads": at_most(1.5),
        "merge and check 10,000 profiles (1,000,000 rows)": at_most(0.6),
        "merge and check 10,000 profiles (100,000,000 rows)": at_most(0.6),
        "largest error of KS": at_most(5e-4),
        "largest error of W1": at_most(0.02),
        "n=1,000: quiet windows with an alarm": at_most(0.05),
        "n=1,000: drifted columns found": at_least(0.95),
        "n=10,000: quiet windows with an alarm": at_most(0.05),
        "n=10,000: drifted columns found": at_least(0.95),
    },
    "drift_peers": {
        "nannyml_over_ours_cpu": at_least(10),
        "evidently_over_ours_cpu": at_least(40),
        "largest difference of estimated accuracy": at_most(1e-3),
        "largest difference of estimated AUC": at_most(1e-3),
    },
    "judge": {"false_rollbacks_over_alpha": at_most(1)},
}
