"""The operator's half: what somebody with rights makes once, before anybody deploys.

`things` is the one description (in CloudFormation's words) of bucket, roles, queue, repository, topic and the rest;
everything else here renders or carries it out: `cloudformation` and `terraform` write `infra/aws/`, `bootstrap` makes
the same by SDK for people with neither. A test reads all three back and compares them.

A change here costs: one entry in `things`, its words in `terraform.BLOCKS`, its calls in `calls`, and
`python -m tests.infra.write`, which writes the templates anew.
"""
