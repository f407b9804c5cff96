"""The words of the project: records, specs, errors, names, digests. No I/O, no SDK, no other floor.

Records that are stored are msgspec Structs (fast, and the serving path can afford them); what a person writes
(`config`) is pydantic, which reports every error at once and gives editors a JSON Schema, and is imported only where a
configuration is read. A change here is a change to what lies in people's buckets: see `codec` for the rules.
"""
