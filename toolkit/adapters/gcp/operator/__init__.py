"""The operator's half: what somebody with rights makes once, before anybody deploys.

`things` is the one description (in the words of Google's REST APIs) of bucket, accounts, roles, bindings, repository,
topics and queue; everything else here renders or carries it out: `terraform` writes `infra/gcp/`, `bootstrap` makes the
same by REST for people without it. A test reads both back and compares them.

A change here costs: one entry in `things`, its words in `terraform`, its calls in `makers`, and
`python -m tests.infra.write_gcp`, which writes the module anew.
"""
