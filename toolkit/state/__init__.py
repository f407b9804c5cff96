"""The bucket is the database: what is true is an object that somebody was the first to create.

From the ground up:

    keys       where everything lies, in one file          patience   bounded retries of what is safe to try again
    commit     one write, three outcomes: won, lost, unknown
    journal    numbered, hash-chained, create-only entries; the one primitive that decides anything
    blobs      bytes named by their digest, verified when read
    datasets, runs, registry, releases, triggers, incidents, leases     the facts of a model's life
    signatures who vouches for a model or a bundle: envelopes beside the digest that they are of
    lineage    edges read off those facts                  audit      is the chain what it was?

Decisions. An append carries an operation id in its body: whoever meets a conflict reads the entry, and if the id is
its own, it has won. That is exact under lost replies, where every SDK reports a false conflict. A re-run of the same id
returns the first outcome. What is read is a checkpoint and a few probes forward; a checkpoint is a cache under `cache/`
that may be stale, corrupt or gone at any time. Nothing is locked, nothing is cleaned up after an unknown outcome, and
nothing is derived from a listing that a numbered key could tell. Only `leases` are not a journal: one object under
compare-and-swap with an epoch (the fencing token), a revision and a nonce.

It stays light: the standard library and msgspec, since functions read state too. A new kind of fact is one file here
with its own journal or its own create-only objects; a new field in a record has a default.
"""
