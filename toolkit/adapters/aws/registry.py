"""ECR's login: a token of twelve hours, got with whatever credentials boto3 finds."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated
from toolkit.domain.errors import Unauthenticated
from toolkit.ports.registry import Login


def login(host: str, settings: Mapping[str, Any]) -> Login:
    """For "<account>.dkr.ecr.<region>.amazonaws.com": the registry's own account and region count, not the target's.

    Needs ecr:GetAuthorizationToken. Raises Unauthenticated, PermissionDenied, Unavailable.
    """
    account, _, service, region = host.split(".")[:4]
    endpoint = str(settings.get("services_endpoint", ""))
    with translated(f"get a login of {host} (ecr:GetAuthorizationToken)", region):
        ecr = client("ecr", region, endpoint)
        found = ecr.get_authorization_token(registryIds=[account])["authorizationData"]
    try:
        user, colon, password = base64.b64decode(found[0]["authorizationToken"]).decode().partition(":")
    except (IndexError, KeyError, binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated(f"{service} gave no login of {host}") from error
    if not colon:
        raise Unauthenticated(f"{service} gave no login of {host}")
    return Login(user, password)
