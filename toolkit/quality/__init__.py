"""Numbers, no I/O: drift, metrics, gates and label-free performance. Bytes and arrays in, bytes and records out.

The life of a drift check, in the order of the files:

1. `cut` chooses the bins of a column from its reference values: 256 hybrid ones (half reference quantiles, half equal
   width, heavy values as bins of their own, under- and overflow), or the most frequent categories with `other` and
   `unseen`. `bins` says what a bin is. Both sides of a comparison count into the same bins, which is why fixed bins
   are 10 to 100 times more exact here than a sketch (KS error 1e-4 against 1e-2 for KLL).
2. `baseline` holds the bins, the reference's own counts, how much the reference varies within itself (`limits`), the
   calibration of the score (`calibration`) and the reference metrics. It is made by training and lies beside the model.
3. `counter` counts live rows. One row costs about one `json.loads` of it and no numpy; many rows at once use numpy
   (`vector`) where it is loaded anyway. `batch` makes the same counts of Parquet files or frames.
4. `profile` is what a counter hands over: one flat vector of counts and a few sums, a few kB as bytes. `merge` adds
   any number of them. Counts, minima and maxima of a merge are exact whatever the order and grouping; sums are floats
   and agree within rounding.
5. `drift.check` compares a merged profile with the baseline (`stats`: the tests and distances), and `estimate` says
   what accuracy to expect without labels; `shape` keeps a few bars of each column for people to look at. The
   cost does not depend on how many rows were counted.

A column drifts when it is significant (Bonferroni over the columns) AND large (KS or total variation over a floor) AND
larger than what the reference's own chunks show. Each of the three alone alarms wrongly: p-values on any large window,
effect floors on small ones, and both where rows do not arrive as independent draws.

`sequential` and `judge` say whether a challenger may go on while both versions serve: tests that may be looked at after
every batch.

`metrics` and `slices` are what training reports and what `gates` refuses promotions by.

Rules: importing `bins`, `baseline`, `profile`, `counter`, `drift` or `gates` loads neither numpy nor polars (a test
holds this): they run inside functions whose start is paid for by a user. Nothing here reads a clock or a store.
A change to what the bytes mean raises `profile.FORMAT` or `baseline.FORMAT`.
"""
