"""The operator's half: what somebody with rights makes once, before anybody deploys.

`things` is the one description (in the words of Azure's REST APIs) of storage account, vault, identities, roles,
registry, workspace, topic and environment; everything else here carries it out or renders it: `bootstrap` makes it by
REST, `template` writes it as an ARM template and as a Terraform module (`infra/azure/`).

A body may hold what is known only once something else is made (`things.Known`): bootstrap asks for it, a template says
it as an expression.

A change here costs: one entry in `things`, and `python -m tests.infra.write_azure`, which writes both anew.
"""
