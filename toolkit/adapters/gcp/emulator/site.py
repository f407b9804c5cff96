"""Everything that is in the emulated project, and what of it answers at addresses of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from toolkit.adapters.gcp.emulator.batch import Batch
from toolkit.adapters.gcp.emulator.batch_tasks import BatchRun
from toolkit.adapters.gcp.emulator.executions import Running
from toolkit.adapters.gcp.emulator.front import Front
from toolkit.adapters.gcp.emulator.iam_policies import Iam
from toolkit.adapters.gcp.emulator.iam_services import Registries, Usage
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.jobs import Jobs
from toolkit.adapters.gcp.emulator.log import Log
from toolkit.adapters.gcp.emulator.monitoring import Monitoring
from toolkit.adapters.gcp.emulator.notifications import Notifications
from toolkit.adapters.gcp.emulator.notifications_push import PushTopics
from toolkit.adapters.gcp.emulator.scheduler import Scheduler
from toolkit.adapters.gcp.emulator.secrets import SecretManager
from toolkit.adapters.gcp.emulator.services import Services
from toolkit.adapters.gcp.emulator.tasks import Tasks
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper


class Site:
    """`home` is the folder for what runs; `reaper` ends what runs should this process die."""

    def __init__(self, address: str, home: Path, identity: Identity, reaper: Reaper) -> None:
        self.address, self.home, self.identity, self.reaper = address, home, identity, reaper
        self.secrets = SecretManager()
        self.iam = Iam()
        self.registries, self.usage = Registries(), Usage()
        self.topics = PushTopics(identity, self.iam)
        self.notifications = Notifications(self.topics, self.iam)
        self.log = Log()
        self.monitoring = Monitoring()
        self.tasks = Tasks(identity)
        self.services = Services(address, home, reaper, identity, self.log)
        running = Running(home, reaper, identity, self.log)
        self.jobs = Jobs(self.services.operations, running.begin)
        self.batch = Batch(partial(BatchRun, running))
        self.scheduler = Scheduler(identity, self.iam.exists)
        self._front = Front(self.services, identity)

    def answer(self, request: Request) -> Response | None:
        """Of what is no API: a service's URL. None where nothing of ours is addressed."""
        return self.scheduler.answer(request) or self._front(request)

    def close(self) -> None:
        """What runs is ended."""
        self.scheduler.close()
        self.topics.close()
        self.jobs.close()
        self.batch.close()
        self.services.close()
