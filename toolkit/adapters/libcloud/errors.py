"""libcloud's errors to ours. Its drivers raise what they like, a bare LibcloudError among it, so codes decide where
there are any; libcloud's own error is the `__cause__`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.domain.errors import (
    ConfigError,
    NotFound,
    PermissionDenied,
    StorageFull,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
)

CODES: dict[int, type[ToolkitError]] = {
    401: Unauthenticated, 403: PermissionDenied, 404: NotFound, 429: Throttled, 503: Throttled, 507: StorageFull,
}  # fmt: skip
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def translated(what: str, container: str, variables: str) -> Iterator[None]:
    """`what` reads like "read local://folder/key"; `variables` are those that hold the credentials."""
    from libcloud.common.types import InvalidCredsError, LibcloudError
    from libcloud.storage.types import ContainerDoesNotExistError, ObjectDoesNotExistError
    from requests import RequestException

    try:
        yield
    except ToolkitError:
        raise
    except ObjectDoesNotExistError as error:
        raise NotFound(f"cannot {what}: it is not there") from error
    except ContainerDoesNotExistError as error:
        hint = "make it once with the provider's own tool, or correct container in [targets.<t>.libcloud]"
        raise ConfigError(f"there is no container {container}", hint=hint) from error
    except InvalidCredsError as error:
        raise Unauthenticated(f"cannot {what}: the credentials were refused", hint=f"check {variables}") from error
    except RequestException as error:
        raise Unavailable(f"cannot {what}: {error}", hint="check the network and the driver's host") from error
    except OSError as error:
        kind: type[ToolkitError] = Unavailable
        kind = StorageFull if error.errno in _FULL else PermissionDenied if error.errno in _DENIED else kind
        raise kind(f"cannot {what}: {error.strerror or error}") from error
    except (LibcloudError, NotImplementedError, KeyError, ValueError, AttributeError) as error:
        code = _code(error)
        said = CODES.get(code, Unavailable)
        raise said(f"cannot {what}: {error}", hint=f"check {variables}" * (code in {401, 403})) from error
    except Exception as error:  # BaseHTTPError is a plain Exception
        if not hasattr(error, "code"):
            raise
        raise CODES.get(_code(error), Unavailable)(f"cannot {what}: {error}") from error


def _code(error: Exception) -> int:
    found = str(getattr(error, "code", "") or getattr(error, "http_code", ""))
    return int(found) if found.isdigit() else 0
