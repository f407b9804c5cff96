"""What the measurements share: how they report, what they aim at, the model they serve, the servers of others.

Peers live in environments of their own (`environments`), in the versions that `peers` and each benchmark name. A peer
that cannot be had, does not start or answers wrongly is a row without a value that says why: it never takes the others
down with it.
"""
