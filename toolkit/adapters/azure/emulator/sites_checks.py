"""What Azure Functions refuses of plans, apps and packages beyond what the types of its SDK say."""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from toolkit.adapters.azure.emulator import containerapps_checks
from toolkit.adapters.azure.emulator.refused import Refused

NAME = re.compile(r"(?=.{2,60}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"AccountKey=|SharedAccessKey=|SharedAccessSignature=|InstrumentationKey=", re.IGNORECASE)
_WORKSPACE = re.compile(
    r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.OperationalInsights/workspaces/[A-Za-z0-9-]{4,63}"
)
PYTHONS = {"3.10", "3.11", "3.12", "3.13"}
SIZES = {512, 2048, 4096}
NOT_HERE = {  # settings of other plans, which Flex Consumption refuses
    "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "ENABLE_ORYX_BUILD",
    "SCM_DO_BUILD_DURING_DEPLOYMENT", "WEBSITE_TIME_ZONE", "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
}  # fmt: skip


def wrong(field: str, why: str) -> Refused:
    return Refused(400, "BadRequest", f"The parameter {field} has an invalid value. ({why})")


def plan(body: Mapping[str, Any], name: str) -> None:
    if not NAME.fullmatch(name):
        raise wrong("name", "2-60 letters, digits and inner hyphens")
    if body.get("sku") != {"name": "FC1", "tier": "FlexConsumption"}:
        raise wrong("sku", "here there is only FC1 of the tier FlexConsumption")
    if not (body.get("properties") or {}).get("reserved"):
        raise wrong("properties.reserved", "Flex Consumption is Linux: reserved has to be true")


def site(body: Mapping[str, Any], name: str) -> None:
    if not NAME.fullmatch(name):
        raise wrong("name", "2-60 letters, digits and inner hyphens")
    if body.get("kind") != "functionapp,linux":
        raise wrong("kind", "an app of Flex Consumption is functionapp,linux")
    containerapps_checks.tags(body.get("tags") or {})
    containerapps_checks.identity(body.get("identity"), "Site")
    properties = body.get("properties") or {}
    given = properties.get("functionAppConfig")
    if not given:
        raise wrong("functionAppConfig", "Flex Consumption needs it")
    _runtime(given.get("runtime") or {})
    _storage((given.get("deployment") or {}).get("storage") or {}, body)
    _scale(given.get("scaleAndConcurrency") or {})
    settings((properties.get("siteConfig") or {}).get("appSettings") or [])


def _runtime(given: Mapping[str, Any]) -> None:
    if given.get("name") != "python" or given.get("version") not in PYTHONS:
        raise wrong("functionAppConfig.runtime", f"{given} is no Python of {sorted(PYTHONS)}")


def _storage(given: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    where = "functionAppConfig.deployment.storage"
    if given.get("type") != "blobContainer" or not re.fullmatch(
        r"https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9-]{3,63}", given.get("value") or ""
    ):
        raise wrong(where, "a blobContainer and its URL are needed")
    who = given.get("authentication") or {}
    held = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    if who.get("type") != "UserAssignedIdentity" or who.get("userAssignedIdentityResourceId") not in held:
        raise wrong(f"{where}.authentication", "an identity that the app has is needed")


def _scale(given: Mapping[str, Any]) -> None:
    where = "functionAppConfig.scaleAndConcurrency"
    if given.get("instanceMemoryMB") not in SIZES:
        raise wrong(f"{where}.instanceMemoryMB", f"one of {sorted(SIZES)}")
    if not 1 <= (given.get("maximumInstanceCount") or 0) <= 1000:
        raise wrong(f"{where}.maximumInstanceCount", "1 to 1000")
    calls = ((given.get("triggers") or {}).get("http") or {}).get("perInstanceConcurrency")
    if calls is not None and not 1 <= calls <= 1000:
        raise wrong(f"{where}.triggers.http.perInstanceConcurrency", "1 to 1000")
    if sum(one.get("instanceCount") or 0 for one in given.get("alwaysReady") or ()) > given["maximumInstanceCount"]:
        raise wrong(f"{where}.alwaysReady", "more than maximumInstanceCount")


def settings(given: Sequence[Mapping[str, Any]]) -> None:
    names = [one.get("name") or "" for one in given]
    for one in given:
        name, value = one.get("name") or "", one.get("value")
        if not _SETTING.fullmatch(name) or names.count(name) > 1 or not isinstance(value, str):
            raise wrong("siteConfig.appSettings", f"{name!r} is not valid, or is there twice")
        if name in NOT_HERE:
            raise wrong("siteConfig.appSettings", f"{name} is not valid on Flex Consumption")
        if _SECRET.search(value):
            raise wrong("siteConfig.appSettings", f"{name} holds a secret")


def guard(body: Mapping[str, Any]) -> None:
    """`config/authsettingsV2`."""
    containerapps_checks.guard(body)
    found = body["properties"]["globalValidation"]
    if found.get("requireAuthentication") == (found.get("unauthenticatedClientAction") == "AllowAnonymous"):
        raise wrong("globalValidation", "requireAuthentication and unauthenticatedClientAction contradict each other")


def logs(body: Mapping[str, Any]) -> None:
    """A diagnostic setting."""
    properties = body["properties"]
    if not _WORKSPACE.fullmatch(properties["workspaceId"]):
        raise wrong("workspaceId", f"{properties['workspaceId']} is no Log Analytics workspace")
    known = {"FunctionAppLogs", "AppServiceAuthenticationLogs"}
    if odd := [one["category"] for one in properties["logs"] if one["category"] not in known]:
        raise wrong("logs", f"Category '{odd[0]}' is not supported.")


def package(data: bytes, python: str) -> str:
    """Why this package cannot be deployed, or ""."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as found:
            names = set(found.namelist())
            host = json.loads(found.read("host.json")) if "host.json" in names else {}
    except (zipfile.BadZipFile, ValueError) as error:
        return f"The package cannot be read: {error}"
    if "function_app.py" not in names or host.get("version") != "2.0":
        return "The package has no function_app.py, or no host.json of version 2.0."
    here = "{}.{}".format(*sys.version_info[:2])
    return "" if python == here else f"Here there is only Python {here}, not {python}."
