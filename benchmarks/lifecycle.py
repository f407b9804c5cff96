"""What the lifecycle itself costs: a trivial training step beside a bare interpreter, a deploy, a rollback, a check.

The training step learns nothing from 200 rows, so what is measured is ingest, packaging, the job, export, parity,
profile and registration around it. Everything runs on the local target in a temporary folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.apparatus.report import Report, interleaved, options, python, timed

TRAIN = """
from sklearn.linear_model import LogisticRegression

def train(data, params):
    return LogisticRegression(max_iter=params.get("steps", 1)).fit(data.X, data.y)
"""
CONFIG = '[project]\nname = "bench"\n[data]\nsource = "rows.csv"\nlabel = "y"\n'
ROWS = "a,b,y\n" + "".join(f"{i % 17},{i * 7 % 23},{i % 2}\n" for i in range(200))


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv)
    report = Report("lifecycle", "The lifecycle around a trivial step (local target)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(TRAIN.strip() + "\n")
        (folder / "toolkit.toml").write_text(CONFIG)
        (folder / "rows.csv").write_text(ROWS)
        _jobs(report, folder, 1 if asked.quick else 5)
        _steps(report, folder)
    report.show(asked)


def _jobs(report: Report, folder: Path, rounds: int) -> None:
    """A job that does nothing, beside an interpreter that does nothing."""
    from toolkit.bootstrap import open_context
    from toolkit.domain.specs import JobSpec

    jobs, numbers = open_context(folder).jobs, iter(range(1000))

    def job() -> None:
        done = jobs.submit(JobSpec(name=f"nothing-{next(numbers)}", module="this"))
        for _ in jobs.logs(done.id, follow=True):
            pass

    found = interleaved(
        {"python -c 'import this'": python("-c", "import this"), "a job of the same": job}, rounds=rounds
    )
    for name, seconds in found.items():
        report.add(name, seconds * 1000, "ms")
    report.ratio("job_over_bare_interpreter", found["a job of the same"] / found["python -c 'import this'"])


def _steps(report: Report, folder: Path) -> None:
    from toolkit.bootstrap import open_context
    from toolkit.lifecycle import deploy, destroy, invoke, monitor, promote, switch, train

    ctx = open_context(folder)
    sklearn = timed(python("-c", "import sklearn.linear_model, skl2onnx, onnxruntime, polars"))
    report.add("importing sklearn, skl2onnx, onnxruntime, polars", sklearn, "s")
    first = report.add("toolkit train, first", timed(lambda: train.run(ctx, params={"steps": 1})), "s")
    report.add("toolkit train, the same again (reused)", timed(lambda: train.run(ctx, params={"steps": 1})), "s")
    promote.run(ctx)
    try:
        report.add("toolkit deploy, first", timed(lambda: deploy.run(ctx)), "s")
        report.add("first answer (worker starts)", timed(lambda: invoke.run(ctx, sample=1)) * 1000, "ms")
        report.add("next answer", timed(lambda: invoke.run(ctx, sample=1)) * 1000, "ms")
        train.run(ctx, params={"steps": 2})
        promote.run(ctx)
        report.add("toolkit deploy, a new model", timed(lambda: deploy.run(ctx)), "s")
        report.add("toolkit rollback", timed(lambda: switch.rollback(ctx)) * 1000, "ms")
        report.add("toolkit drift", timed(lambda: monitor.run(ctx)) * 1000, "ms")
    finally:
        destroy.run(ctx)
    report.ratio("trivial_train_over_importing_its_libraries", first / sklearn)


if __name__ == "__main__":
    main()
