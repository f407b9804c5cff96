"""Drift checks and estimated performance beside NannyML and Evidently, each in an environment of its own, in one run.

Every check is a whole process over the same two Parquet files of 40 columns, reference and window, as a schedule would
start it; CPU is the process's own, its imports included ("the check alone" leaves them out). Ours reads the profile of
the reference that training kept, and only the window. NannyML computes the statistics that ours does (KS,
Jensen-Shannon, Wasserstein, chi2) by its ten chunks. Evidently computes its preset, on a tenth of the rows, as all of
them take it minutes. Both need old releases of pandas: what is pinned is the newest set that works.

Performance without labels (CBPE) is on the ACS employment data of Massachusetts that NannyML ships: 2015 is the
reference, the windows are 5,000 rows of 2016 to 2018.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.apparatus import environments
from benchmarks.apparatus.columns import baseline_of, draw
from benchmarks.apparatus.environments import FAILS, Missing
from benchmarks.apparatus.report import Report, options, timed

CHUNK = 5000
SCORE = "predicted_probability"
LIMIT = 300.0  # seconds of one check
PINNED = {
    "nannyml": (
        "nannyml==0.13.1", "numpy==1.26.4", "pandas==2.3.3", "pyarrow==19.0.1", "scikit-learn==1.5.2", "scipy==1.15.3",
        "category-encoders==2.6.4", "statsmodels==0.14.5",
    ),
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "pyarrow==19.0.1"),
}  # fmt: skip
SCRIPT = """
import json, sys, time
{imports}
imported = time.process_time()
{work}
alone, status = time.process_time() - imported, open("/proc/self/status").read()
memory = int(status.partition("VmHWM:")[2].split()[0]) / 1000
print(json.dumps({{"alone": alone, "all": time.process_time(), "memory": memory, "found": found}}))
"""
OURS = (
    "from pathlib import Path\nfrom toolkit.quality.baseline import from_bytes\n"
    "from toolkit.quality.batch import profile_frame\nfrom toolkit.quality.drift import check",
    """
baseline = from_bytes(Path(sys.argv[3]).read_bytes())
checked = check(baseline, profile_frame(sys.argv[2], baseline))
found = sum(column.verdict == "drift" for column in checked.columns)
""",
)
NANNYML = (
    "import nannyml, pandas",
    """
reference, window = (pandas.read_parquet(path) for path in sys.argv[1:3])
calculator = nannyml.UnivariateDriftCalculator(
    column_names=list(reference), continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
    categorical_methods=["chi2", "jensen_shannon"],
)
result = calculator.fit(reference).calculate(window).filter(period="analysis").to_df()
alerts = result.xs("alert", axis=1, level=2)
found = int(alerts.any().groupby(level=0).any().sum())
""",
)
EVIDENTLY = (
    "import pandas\nfrom evidently import DataDefinition, Dataset, Report\n"
    "from evidently.presets import DataDriftPreset",
    """
reference, window = (pandas.read_parquet(path) for path in sys.argv[1:3])
numbers, texts = ([name for name in reference if name[0] == kind] for kind in "xc")
definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
given = [Dataset.from_pandas(frame, data_definition=definition) for frame in (window, reference)]
metrics = Report([DataDriftPreset()]).run(*given).dict()["metrics"]
found = next(m["value"]["count"] for m in metrics if isinstance(m["value"], dict) and "count" in m["value"])
""",
)
CBPE = (
    "import nannyml\nfrom nannyml.datasets import load_us_census_ma_employment_data",
    f"""
reference, analysis, truth = load_us_census_ma_employment_data()
truth = analysis.merge(truth, on="id")
for name, frame in (("acs-reference", reference), ("acs-analysis", truth)):
    frame[["predicted_probability", "employed"]].to_parquet(sys.argv[1] + "/" + name + ".parquet")
imported = time.process_time()
estimator = nannyml.CBPE(
    y_pred_proba="predicted_probability", y_pred="prediction", y_true="employed", chunk_size={CHUNK},
    problem_type="classification_binary", metrics=["accuracy", "roc_auc"],
)
result = estimator.fit(reference).estimate(analysis).filter(period="analysis").to_df()
found = {{name: result[name]["value"].tolist() for name in ("accuracy", "roc_auc")}}
found["start"] = result["chunk"]["start_index"].tolist()
found["end"] = result["chunk"]["end_index"].tolist()
""",
)


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv, rows=1_000_000)
    rows = 50_000 if asked.quick else asked.rows
    report = Report("drift_peers", "Drift checks as whole processes, 40 columns; performance without labels")
    with tempfile.TemporaryDirectory() as name:
        _checks(report, Path(name), "nannyml", NANNYML, rows)
        _checks(report, Path(name), "evidently", EVIDENTLY, rows // 10)
        try:
            _performance(report, Path(name))
        except FAILS as error:
            report.missing(f"CBPE of {_title('nannyml')}", error)
    report.show(asked)


def _checks(report: Report, folder: Path, peer: str, work: tuple[str, str], rows: int) -> None:
    """Ours and one of the others, on the same files."""
    reference, window, kept = (folder / f"{name}-{rows}" for name in ("reference", "window", "baseline"))
    frame = draw(rows, 1)
    frame.write_parquet(reference)
    draw(rows, 2, drift=True).write_parquet(window)
    kept.write_bytes(baseline_of(frame.head(100_000)).to_bytes())
    given = [str(reference), str(window), str(kept)]
    found: dict[str, dict[str, float]] = {}
    for name, (imports, body) in {"ours": OURS, peer: work}.items():
        title = f"{_title(name)}, {rows:,} rows"
        try:
            one = _run(_python(name), SCRIPT.format(imports=imports, work=body), given)
        except FAILS as error:
            report.missing(title, error)
            continue
        found[name] = one
        report.add(f"{title}: CPU of the process", one["all"], "s")
        report.add(f"{title}: CPU of the check alone", one["alone"], "s")
        report.add(f"{title}: time", one["wall"], "s")
        report.add(f"{title}: largest memory", one["memory"], "MB")
        report.add(f"{title}: columns said to drift (6 do)", one["found"], "")
    if len(found) == 2:
        report.ratio(f"{peer}_over_ours_cpu", found[peer]["all"] / found["ours"]["all"])
        report.ratio(f"{peer}_over_ours_cpu_alone", found[peer]["alone"] / found["ours"]["alone"])


def _performance(report: Report, folder: Path) -> None:
    """Accuracy and ROC AUC that both estimate for the same windows, beside what the labels say."""
    import polars as pl

    from toolkit.quality.batch import profile_frame
    from toolkit.quality.estimate import estimate

    imports, work = CBPE
    theirs = _run(_python("nannyml"), SCRIPT.format(imports=imports, work=work), [str(folder)])
    reference, analysis = (pl.read_parquet(folder / f"acs-{name}.parquet") for name in ("reference", "analysis"))
    began = time.process_time()
    baseline = _scored(reference)
    windows = [
        analysis[start : end + 1] for start, end in zip(theirs["found"]["start"], theirs["found"]["end"], strict=True)
    ]
    ours = [estimate(baseline, profile_frame(window, baseline, scores=SCORE)) for window in windows]
    cpu = time.process_time() - began
    report.add("windows of 5,000 rows (ACS)", len(windows), "")
    for metric, name in (("accuracy", "accuracy"), ("roc_auc", "AUC")):
        mine, other = [found[f"estimated_{metric}"] for found in ours], theirs["found"][metric]
        truth = [_realised(window)[f"realised_{metric}"] for window in windows]
        report.add(f"largest difference of estimated {name}", max(map(_apart, mine, other)), "")
        report.add(f"CBPE, ours: mean error of {name}", sum(map(_apart, mine, truth)) / len(truth), "")
        report.add(f"CBPE, NannyML: mean error of {name}", sum(map(_apart, other, truth)) / len(truth), "")
    report.add("CBPE, ours: CPU of all windows", cpu, "s")
    report.add("CBPE, NannyML: CPU of all windows", theirs["alone"], "s")
    report.ratio("nannyml_over_ours_cpu_cbpe", theirs["alone"] / cpu)


def _scored(reference: Any) -> Any:
    from toolkit.domain.records import Feature
    from toolkit.quality.baseline import build_baseline

    scores, labels = reference[SCORE].to_list(), [str(label) for label in reference["employed"]]
    feature = Feature(name=SCORE, dtype="float64")
    return build_baseline({SCORE: scores}, [feature], scores, labels, "binary", ("0", "1"))


def _realised(window: Any) -> dict[str, float]:
    from toolkit.quality.estimate import realised

    pairs = zip(window[SCORE].to_list(), map(str, window["employed"]), strict=True)
    return realised("binary", ("0", "1"), pairs)


def _apart(a: float, b: float) -> float:
    return abs(a - b)


def _title(name: str) -> str:
    return name if name == "ours" else PINNED[name][0].replace("==", " ")


def _python(name: str) -> str:
    return sys.executable if name == "ours" else str(environments.home(name, PINNED[name]) / "bin" / "python")


def _run(python: str, script: str, given: list[str]) -> dict[str, Any]:
    """What it prints, with the seconds of the whole process. Missing where it fails."""
    quiet = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    found: dict[str, Any] = {}

    def run() -> None:
        try:
            done = subprocess.run(
                [python, "-c", script, *given],
                env={**os.environ, **quiet}, capture_output=True, text=True, check=False, timeout=LIMIT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Missing(f"not done after {LIMIT:.0f} s") from error
        if done.returncode:
            raise Missing(done.stderr)
        found.update(json.loads(done.stdout.splitlines()[-1]))

    seconds = timed(run)
    return {**found, "wall": seconds}


if __name__ == "__main__":
    main()
