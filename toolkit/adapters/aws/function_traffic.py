"""Which versions answer: the alias `live`, the URL on it, who may call it, and how many at once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from toolkit.adapters.aws.errors import code
from toolkit.adapters.aws.function_api import ALIAS, Api
from toolkit.adapters.aws.function_marks import Mark
from toolkit.domain.errors import AlreadyExists, NotFound, StorageFull, ToolkitError, Unsupported

# Since October 2025 a URL that asks for nothing needs both.
_PUBLIC: tuple[tuple[str, dict[str, Any]], ...] = (
    ("toolkit-public-url", {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}),
    ("toolkit-public-call", {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True}),
)
_WEIGHTS = 2


class Traffic:
    def __init__(self, api: Api) -> None:
        self._api = api

    def route(self, name: str, weights: dict[str, float], marks: dict[str, Mark | None]) -> None:
        """Checked weights of existing versions. What closes comes before the move, what opens after it."""
        if len(weights) > _WEIGHTS:
            raise Unsupported(f"function {name!r}: an alias of Lambda splits between {_WEIGHTS} versions at most")
        main = max(weights, key=lambda version: weights[version])
        known = [mark for version in weights if (mark := marks[version])]
        public = bool((main_mark := marks[main]) and main_mark.auth == "public")
        if known:
            self._reserve(name, max(mark.concurrency for mark in known))
        url = self.url(name)
        if url and not public:
            self._close(name, url)
        self._move(name, main, {version: weight for version, weight in weights.items() if version != main})
        if not url:
            url = self._create_url(name, "NONE" if public else "AWS_IAM")
        if public:
            self._open(name, url)

    def weights(self, name: str) -> dict[str, float]:
        """Empty when nothing was routed yet."""
        try:
            alias = self._api.call(f"look at the alias of {name}", "get_alias", FunctionName=name, Name=ALIAS)
        except NotFound:
            return {}
        others: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        # 1 - 0.9 is not 0.1: weights are told as they were given
        return {alias["FunctionVersion"]: round(1.0 - sum(others.values()), 9), **others}

    def url(self, name: str) -> Any:
        """The URL's configuration, None when there is none."""
        with suppress(NotFound):
            return self._api.call(
                f"look at the URL of {name}", "get_function_url_config", FunctionName=name, Qualifier=ALIAS
            )
        return None

    def _move(self, name: str, main: str, others: dict[str, float]) -> None:
        where = {"FunctionName": name, "Name": ALIAS, "FunctionVersion": main}
        routing = {"AdditionalVersionWeights": others}
        what = f"move the traffic of {name}"
        try:
            self._api.call(what, "update_alias", **where, RoutingConfig=routing)
        except NotFound:
            with suppress(AlreadyExists):
                self._create(what, "create_alias", **where, **({"RoutingConfig": routing} if others else {}))
                return
            self._api.call(what, "update_alias", **where, RoutingConfig=routing)

    def _create_url(self, name: str, auth: str) -> Any:
        with suppress(AlreadyExists):
            what = f"make the URL of {name}"
            return self._create(what, "create_function_url_config", FunctionName=name, Qualifier=ALIAS, AuthType=auth)
        return self.url(name)

    def _create(self, what: str, operation: str, **given: Any) -> Any:
        """AlreadyExists also when it is ours: the SDK asks again after a lost reply, and then meets its own work."""
        try:
            return self._api.call(what, operation, **given)
        except ToolkitError as error:
            if code(error) == "ResourceConflictException":
                raise AlreadyExists(error.message, hint=error.hint) from error.__cause__
            raise

    def _close(self, name: str, url: Any) -> None:
        if url["AuthType"] != "AWS_IAM":
            self._set_auth(name, "AWS_IAM")
            for sid, _ in _PUBLIC:
                with suppress(NotFound):
                    self._api.call(
                        f"close the URL of {name}",
                        "remove_permission",
                        FunctionName=name,
                        Qualifier=ALIAS,
                        StatementId=sid,
                    )

    def _open(self, name: str, url: Any) -> None:
        for sid, permission in _PUBLIC:
            try:
                self._api.call(
                    f"open the URL of {name}", "add_permission",
                    FunctionName=name, Qualifier=ALIAS, StatementId=sid, Principal="*", **permission,
                )  # fmt: skip
            except ToolkitError as error:
                if code(error) != "ResourceConflictException":  # it is there already
                    raise
        if url["AuthType"] != "NONE":
            self._set_auth(name, "NONE")

    def _set_auth(self, name: str, auth: str) -> None:
        self._api.call(
            f"change the URL of {name}", "update_function_url_config", FunctionName=name, Qualifier=ALIAS, AuthType=auth
        )

    def _reserve(self, name: str, wanted: int) -> None:
        held = self._api.function(name).get("Concurrency", {}).get("ReservedConcurrentExecutions")
        if held == wanted:
            return
        try:
            self._api.call(
                f"reserve {wanted} concurrent calls for {name}", "put_function_concurrency",
                FunctionName=name, ReservedConcurrentExecutions=wanted,
            )  # fmt: skip
        except ToolkitError as error:
            if "UnreservedConcurrentExecution" not in error.message:
                raise
            raise StorageFull(
                f"function {name!r}: the account has no {wanted} concurrent calls left to reserve",
                hint="ask for more: aws service-quotas request-service-quota-increase --service-code lambda "
                "--quota-code L-B99A9384 --desired-value 1000",
            ) from error.__cause__
