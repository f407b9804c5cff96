"""What an adapter folder says of itself: names, strings and claims; nothing that imports an SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Provider:
    """`PROVIDER = Provider(...)` in `toolkit/adapters/<name>/__init__.py`.

    `ports` maps a port to "module:function", the function being `open_<port>(settings) -> Port`; `settings` is
    "module:Model", the pydantic model that checks `[targets.<t>.<provider>]` (it may complete defaults from
    `project_dir`, which bootstrap passes in); `extra` is the pip extra named when a module is missing; `claims` are
    strings of `capabilities.PROMISES`.
    """

    name: str
    title: str
    ports: dict[str, str]
    settings: str
    claims: frozenset[str]
    extra: str = ""
    limits: dict[str, int] = field(default_factory=dict)  # e.g. {"function_memory_mb": 10240, "bundle_bytes": ...}
    function_auth: Literal["iam", "token"] = "iam"  # who may call a function that is not public
    signer: str = ""  # "module:function" of who holds private keys, if it does (`ports.signer`)
    function_python: str = "3.13"  # runtime of bundles; "host": the interpreter that runs the toolkit

    def offers(self, claim: str) -> bool:
        return claim in self.claims
