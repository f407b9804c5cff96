"""Side-by-side measurements. Each file prints a table, or with `--json` `{"rows": [...], "ratios": {...}}`.

Absolute times belong to a machine and an hour; what is compared runs in one process tree, interleaved, and is shown as
a ratio. Nothing here is asserted by a test.
"""
