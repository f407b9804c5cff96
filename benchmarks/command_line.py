"""How long the command line takes to start, against a bare interpreter and against importing what peers import."""

from __future__ import annotations

from benchmarks.apparatus.report import Report, interleaved, options, python


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv)
    rounds = 2 if asked.quick else 10
    report = Report("command_line", f"Command-line start (whole process, median of {rounds})")
    found = interleaved(
        {
            "python -c pass": python("-c", "pass"),
            "toolkit version": python("-m", "toolkit", "version"),
            "toolkit --help": python("-m", "toolkit", "--help"),
            "python -c 'import sklearn'": python("-c", "import sklearn"),
            "python -c 'import fastapi'": python("-c", "import fastapi"),
        },
        rounds=rounds,
    )
    for name, seconds in found.items():
        report.add(name, seconds * 1000, "ms")
    report.ratio("version_over_bare_interpreter", found["toolkit version"] / found["python -c pass"])
    report.show(asked)


if __name__ == "__main__":
    main()
