"""What everything on Google Cloud is called, worked out from the project and the target.

An operator makes some of it once (bucket, service accounts, repository, topic, queue), adapters make the rest
(services, jobs, schedules, secrets); both take the names from here. All of a target begins with its stem.

Google's limits: a Cloud Run service has fewer than 50 characters, and its name with a revision's tag at most 46 (they
share one label of a host name); a Cloud Run job has fewer than 50 too, since the token of its execution joins it within
63; a service account has 6 to 30; secrets, topics and queues have far more than we use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.domain.names import resource, stem

ROLES = ("inference", "drift-check", "job", "retrain", "scheduler", "deployer")
SERVICE = 40  # characters of a service: its tags have six more
TAG = 6
JOB = 49
ACCOUNT = 30
_LABEL_KEY = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True)
class Names:
    """The names of one target; `stem` is `toolkit.domain.names.stem(project, target)`, as the settings hold it."""

    stem: str

    @classmethod
    def of(cls, project: str, target: str) -> Names:
        return cls(stem(project, target))

    def account(self, role: str, project: str) -> str:
        """The e-mail address of the service account of one of ROLES."""
        if role not in ROLES:
            raise ValueError(f"no such role: {role}")
        own = resource(self.stem, role, limit=ACCOUNT)
        return f"{own if len(own) >= 6 else own + '-account'}@{project}.iam.gserviceaccount.com"

    def secret(self, name: str) -> str:
        """Its id; a name has no two hyphens in a row, so nothing falls together."""
        return f"{self.stem}--{name}"

    def schedule(self, name: str) -> str:
        """The id of its Cloud Scheduler job. "" is what those of the target begin with."""
        return f"{self.stem}--{name}"

    @property
    def repository(self) -> str:
        """The Artifact Registry repository of the image."""
        return resource(self.stem, "image")

    @property
    def topic(self) -> str:
        return _free(f"{self.stem}-alerts")

    @property
    def data_topic(self) -> str:
        """Where Cloud Storage tells of new data."""
        return _free(f"{self.stem}-new-data")

    def watch(self, name: str) -> str:
        """The subscription that calls a function for it."""
        return _free(f"{self.stem}--{name}")

    def power(self, power: str) -> str:
        """The id of a custom role: letters, digits, dots and underscores, 3 to 64. A stem has no underscores."""
        return f"{self.stem.replace('-', '_')}.{power}"

    @property
    def pool(self) -> str:
        """The workload identity pool of whoever deploys from elsewhere: 4 to 32, and not gcp-..."""
        return resource(f"{self.stem}-ci" if not self.stem.startswith("gcp-") else f"ci-{self.stem}", limit=32)

    @property
    def queue(self) -> str:
        """The Cloud Tasks queue of events that nobody waits for."""
        return f"{self.stem}-events"

    @property
    def metrics_log(self) -> str:
        """The log that keeps the points."""
        return f"toolkit-metrics-{self.stem}"


def service(function: str) -> str:
    """The Cloud Run service of a function. It begins with a letter, which functions need not."""
    return resource(_lettered(function), limit=SERVICE)


def job(name: str) -> str:
    return resource(_lettered(name), limit=JOB)


def tag(number: int) -> str:
    """The traffic tag of a service's version `number`."""
    return f"v{number}"


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags as Google's labels, to filter and to be billed by: lower case, at most 63 characters, at most 60 of
    them. What they cannot say is kept exactly in an annotation (see `marks`)."""
    found = {}
    for key, value in sorted(tags.items())[:60]:
        plain = _LABEL_KEY.sub("-", key.lower())[:63]
        found[plain if plain[:1].isalpha() else f"l{plain}"[:63]] = _LABEL_KEY.sub("-", value.lower())[:63]
    return found


def _lettered(name: str) -> str:
    return name if name[:1].isalpha() else f"n-{name}"


def _free(name: str) -> str:
    """Of Pub/Sub, which keeps all that begins with goog for itself."""
    return f"t-{name}" if name.startswith("goog") else name
