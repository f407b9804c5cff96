"""Container registries' login: a token of Entra's for one of the registry's own, which lasts three hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure import client
from toolkit.adapters.azure.errors import translated
from toolkit.domain.errors import Unauthenticated
from toolkit.ports.registry import Login

AUDIENCE = "https://containerregistry.azure.net"
EXCHANGE = "/oauth2/exchange"


def login(host: str, settings: Mapping[str, Any]) -> Login:
    """For "<registry>.azurecr.io". Pushing needs Microsoft.ContainerRegistry/registries/push/write.

    The token is given out for what is asked later (`/oauth2/token`), as with every registry.

    Raises Unauthenticated, Unavailable.
    """
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import HeadersPolicy
    from azure.core.rest import HttpRequest

    endpoint = settings.get("services_endpoint", "")
    asked = {
        "grant_type": "access_token",
        "service": host,
        "access_token": client.token(endpoint, AUDIENCE),
        **({"tenant": settings["tenant"]} if settings.get("tenant") else {}),
    }
    base = f"{endpoint}/{host}" if endpoint else f"https://{host}"
    with translated(f"get a login of {host}", quote=False):
        sends: Any = PipelineClient(base, policies=[HeadersPolicy()], transport=client.transport(endpoint))
        with sends:
            reply = sends.send_request(HttpRequest("POST", base + EXCHANGE, data=asked))
            found = client.decoded(reply).body
    if not found.get("refresh_token"):
        raise Unauthenticated(f"{host} gives no token to log in with", hint="az login")
    return Login("", token=found["refresh_token"])
