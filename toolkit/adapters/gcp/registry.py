"""Artifact Registry's login: an access token of an hour, of whatever credentials google-auth finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.errors import translated
from toolkit.domain.errors import Unauthenticated
from toolkit.ports.registry import Login

USER = "oauth2accesstoken"


def login(host: str, settings: Mapping[str, Any]) -> Login:
    """For "<region>-docker.pkg.dev". Pushing needs artifactregistry.repositories.uploadArtifacts.

    Raises Unauthenticated, Unavailable.
    """
    from google.auth.transport.requests import Request

    found = client.credentials(settings.get("services_endpoint", "") in client.emulated)
    with translated(f"get a login of {host}"):
        if not found.valid:
            found.refresh(Request())
    if not found.token:
        raise Unauthenticated(
            f"there is no token to log in to {host} with", hint="gcloud auth application-default login"
        )
    return Login(USER, found.token)
