"""Whose account it is: what an ARN needs that a name does not have. Asked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated


@dataclass(frozen=True)
class Identity:
    """`arn` is the caller's own."""

    account: str
    arn: str

    @classmethod
    def of(cls, region: str, endpoint: str) -> Identity:
        """Raises Unauthenticated, ConfigError (no region)."""
        return _asked(region, endpoint)

    @property
    def partition(self) -> str:
        """ "aws", "aws-cn" or "aws-us-gov"."""
        return self.arn.split(":")[1]

    def role(self, name: str) -> str:
        return f"arn:{self.partition}:iam::{self.account}:role/{name}"

    def registry(self, region: str) -> str:
        """The host name of the account's container registry."""
        return f"{self.account}.dkr.ecr.{region}.amazonaws.com{'.cn' if self.partition == 'aws-cn' else ''}"


@cache
def _asked(region: str, endpoint: str) -> Identity:
    service = client("sts", region, endpoint)
    with translated("ask who is calling", region):
        found = service.get_caller_identity()
    return Identity(str(found["Account"]), str(found["Arn"]))
