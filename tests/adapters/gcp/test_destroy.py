"""`toolkit destroy` takes away what a deploy that died left behind: found by tags, not by what a journal says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.gcp import google
from tests.support import HERE, Shell
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.schedules import open_schedules
from toolkit.adapters.gcp.store import open_store
from toolkit.adapters.gcp.watches import open_watches
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.specs import FunctionSpec, ScheduleSpec
from toolkit.ports import Settings
from toolkit.testing.functions import bundle_into
from toolkit.testing.jobs import probe

CODE = b"def handler(event, context):\n    return {'statusCode': 200, 'body': 'x'}\n"
NAMES = ("stem", "project", "region", "bucket", "prefix", "endpoint", "services_endpoint")


def orphans(settings: Settings, target: str) -> str:
    """A function, its schedule, a watch and a running job that no journal knows; the function's name."""
    tags = {"managed-by": "toolkit", "project": settings["prefix"], "target": target}
    bundle, key = bundle_into(open_store(settings))({"app.py": CODE})
    name = f"{settings['stem']}-{target}-orphan"
    fields: dict[str, Any] = {"tags": {**tags, "role": "drift-check", "watch": "on"}, "runtime": HERE}
    functions = open_functions(settings)
    functions.route(name, {functions.publish(FunctionSpec(name=name, bundle=bundle, bundle_key=key, **fields)): 1.0})
    open_schedules(settings).put(ScheduleSpec(name="orphan", expression="0 0 29 2 *", function=name, tags=tags))
    open_watches(settings).put(WatchSpec(name="orphan", prefix="data/", function=name))
    open_jobs(settings).submit(probe("sleep=60", tags=tags))
    return name


@pytest.mark.slow
def test_nothing_of_the_target_is_left_and_everything_of_its_neighbour(tmp_path: Path, shell: Shell) -> None:
    settings, theirs = google.prepared(), google.prepared()
    neighbour = orphans(theirs, "test")
    orphans(settings, "test")
    lines = "\n".join(f'{name} = "{settings[name]}"' for name in NAMES)
    (tmp_path / "toolkit.toml").write_text(
        f'name = "{settings["prefix"]}"\n[targets.test]\nprovider = "gcp"\n[targets.test.gcp]\n{lines}\n'
    )
    done = shell.ok("destroy -t test --yes --json", tmp_path).data
    assert done["left"] == []
    assert done["removed"] >= 4
    tags = {"managed-by": "toolkit", "project": settings["prefix"]}
    assert list(open_functions(settings).list(tags)) == []
    assert list(open_schedules(settings).list()) == []
    assert list(open_watches(settings).list()) == []
    assert {status.state for status in open_jobs(settings).list(tags)} == {"cancelled"}
    assert shell.ok("destroy -t test --yes --json", tmp_path).data["removed"] == 0
    assert [state.name for state in open_functions(theirs).list({"project": theirs["prefix"]})] == [neighbour]
    assert [spec.name for spec in open_schedules(theirs).list()] == ["orphan"]
    assert [spec.name for spec in open_watches(theirs).list()] == ["orphan"]
    for job in open_jobs(theirs).list():
        open_jobs(theirs).cancel(job.id)
    open_functions(theirs).delete(neighbour)
