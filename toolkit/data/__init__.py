"""From files to a dataset version: read, prepare, check, cut, keep. Polars inside; pandas at the user's edge if asked.

    sources    what the configuration names, one frame    files, csvtext, texts    found, laid out, typed
    hooks      the user's `prepare`                       contract         the schema file, and casting to it
    infer      roles and findings of any table            columns, labels, giveaway    how it decides
    roles      the contract of one ingest                 checks           the contract as gates (pandera)
    split      train and test, equal everywhere           rowhash          a row's number, ours
    leakage    overlap, time order, giveaways             snapshot         content-addressed Parquet
    findings   what is said to people                     sampling         rows as JSON values

Decisions. Text is typed by the whole column, never by its first rows: two passes over a file cost seconds, a wrong type
costs a model. Null markers ("NA", "?", ...) are nulls where the rest of the column is numbers, dates or booleans; in
text they stay what they are. A label has to be there: rows without one are dropped only where the contract says
that its label is nullable (`init` writes that when it saw such rows, and reports how many). A column that gives the
label away is left out by `init`, with a stricter limit than the gate's, so that what `init` let pass does not flip the
gate later. Equal rows stay on one side of a split, unless most rows of the table are repeats of each other: then
repeats are its nature and are split one by one. Parts of a snapshot are 50,000 rows in source order, so
that a file that grew at its end shares all but its last part with the version before.
"""
