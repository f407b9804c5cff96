"""Side-by-side measurements. Each file prints tables, or with `--json` `{"rows": [...], "ratios": {...}}`.

    python -m benchmarks                    all of them, one after the other (`make bench`)
    python -m benchmarks.serving --json     one of them; `--quick` only shows that it works

Absolute times belong to a machine and an hour; what is compared runs in one process tree, interleaved where it can be,
and is shown as a ratio beside what it aims at (`apparatus.aims`). Nothing here is asserted by a test. Peers are made in
environments of their own on first use; one that fails is a row that says why.
"""
