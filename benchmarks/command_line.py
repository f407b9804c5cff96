"""How long the command line takes to start, against a bare interpreter and against importing what peers import."""

from __future__ import annotations

import sys

from benchmarks.report import Report, interleaved, python


def main(argv: list[str]) -> None:
    report = Report("Command-line start (whole process, median of 10)")
    found = interleaved(
        {
            "python -c pass": python("-c", "pass"),
            "toolkit version": python("-m", "toolkit", "version"),
            "toolkit --help": python("-m", "toolkit", "--help"),
            "python -c 'import sklearn'": python("-c", "import sklearn"),
            "python -c 'import fastapi'": python("-c", "import fastapi"),
        },
        rounds=10,
    )
    for name, seconds in found.items():
        report.add(name, seconds * 1000, "ms")
    report.ratio("toolkit version over a bare interpreter", found["toolkit version"] / found["python -c pass"])
    report.show(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
