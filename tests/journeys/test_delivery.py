"""A challenger goes out beside what serves, on this machine, with real functions and real requests: as people do it."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest

from tests.support import Shell, small_csv
from toolkit.bootstrap import open_context
from toolkit.domain.errors import Throttled
from toolkit.lifecycle import find, naming
from toolkit.ports.context import Context

CONFIG = """
[serve.capture]
flush = "1s"
features = true

[rollout] # seconds instead of minutes: nobody waits for a test
alpha = 0.001 # of the runs of this test a good one may be sent back in
stretch = "1s"
lag = "2s"
bake = "2s"
requests = 40

[alerts]
channels = ["oncall"]
"""
CHANCE = 4.5  # standard deviations: one in 150,000 by chance


@dataclass
class Place:
    """A deployed project, its endpoint, and who asks it."""

    folder: Path
    shell: Shell
    ctx: Context
    url: str = ""
    token: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    asked: int = 0
    answered: Counter[int] = field(default_factory=Counter)

    def ok(self, line: str) -> Any:
        return self.shell.ok(f"{line} --json", self.folder).data

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """A client that asks once and goes: a connection of its own."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        sent = {"content-type": "application/json", "authorization": f"Bearer {self.token}", **headers}
        connection.request("POST", parts.path + path, json.dumps(body), sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def record(self, number: int) -> dict[str, Any]:
        row = self.rows[number % len(self.rows)]
        return {name: row[name] for name in self.features}

    def traffic(
        self, requests: int, *, labels: bool = False, headers: Callable[[int], dict[str, str]] | None = None
    ) -> None:
        """Rows that the endpoint knows; `labels` says afterwards what was true."""
        truth = []
        for _ in range(requests):
            more = headers(self.asked) if headers else {}
            status, answer = self.post("/predict", {"records": [self.record(self.asked)]}, **more)
            assert status == 200, answer
            self.asked += 1
            self.answered[answer["version"]] += 1
            label = self.rows[(self.asked - 1) % len(self.rows)]["churned"]
            truth.append({"id": answer["predictions"][0]["id"], "label": label})
        if labels:
            assert self.post("/feedback", {"feedback": truth})[0] == 200

    def tick(self) -> dict[str, Any]:
        """What the schedule sends, and the drift check's function does: nobody types anything."""
        event = {
            "source": "toolkit.schedule",
            "schedule": "s",
            "time": self.ctx.clock(),
            "endpoint": "churn",
            "do": "rollout",
        }
        try:
            answer: dict[str, Any] = self.ctx.functions.event(naming.function_name(self.ctx, "drift-check"), event)
        except Throttled:  # the host's own schedule was just at it, and there is one worker
            time.sleep(0.5)
            return self.tick()
        assert "error" not in answer["rollout"], answer
        return answer

    def until(self, phase: str, *, labels: bool = False, seconds: float = 150, **more: Any) -> dict[str, Any]:
        """Traffic and ticks until the rollout is there."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.traffic(30, labels=labels, **more)
            told = self.tick()["rollout"]
            if told["phase"] == phase:
                return dict(told)
        raise AssertionError(f"never {phase}: {told}; {self.answered}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("delivery")
    (folder / "churn.csv").write_text(small_csv())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_ACTOR", "tester")
        module_shell.ok("init --from churn.csv --label churned --name churn", folder)
        config = folder / "toolkit.toml"
        config.write_text(config.read_text() + CONFIG)
        place = Place(folder, module_shell, open_context(folder))
        place.rows = json.loads(pl.read_csv(folder / "churn.csv").write_json())
        for line in ("train", "promote --yes"):
            module_shell.ok(line, folder)
        signature = find.manifest(place.ctx, find.version(place.ctx, 1)).signature
        place.features = [feature.name for feature in signature.features]
        module_shell.ok("secrets set oncall", folder, "json://127.0.0.1:9/nobody-listens")
        place.url = place.ok("deploy --yes")["url"]
        place.token = module_shell.ok("token", folder).out.strip()
        yield place
        module_shell.run("destroy --yes", folder)


def another_version(place: Place, code: str) -> int:
    """Train with some more code; the number of the version that comes of it."""
    source = place.folder / "train.py"
    before = source.read_text()
    source.write_text(before + code)
    version: int = place.ok("train")["version"]
    source.write_text(before)
    return version


WRONG = """

_right = train


def train(data, params):
    import dataclasses

    return _right(dataclasses.replace(data, y=1 - data.y), params)
"""


def within(count: int, of: int, share: float) -> bool:
    return bool(abs(count - of * share) <= CHANCE * (of * share * (1 - share)) ** 0.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_good_challenger_is_promoted_and_a_bad_one_sent_back_with_nobody_typing(place: Place) -> None:
    place.traffic(60)
    good = another_version(place, "\n# no other model, and another version\n")
    begun = place.ok("deploy --canary 50% --yes")
    assert (begun["rollout"]["phase"], begun["rollout"]["challenger"]) == ("canary", good)
    assert "provider" in begun["split"]
    status = place.ok("status")
    assert (status["rollout"]["phase"], status["rollout"]["share"]) == ("canary", 0.5)
    assert (status["next"], status["endpoints"][0]["state"]) == ("toolkit rollout", "ready")
    place.answered.clear()
    place.until("baking")
    total = place.answered.total()
    assert within(place.answered[good], total, 0.5), place.answered
    place.until("promoted")
    assert place.ok("status")["endpoints"][0]["version"] == good

    bad = another_version(place, WRONG)
    place.ok("deploy --canary 50% --bake 1h --yes")
    told = place.until("rolled back", labels=True)
    assert "got worse" in told["why"]
    place.answered.clear()
    place.traffic(20)
    assert place.answered == {good: 20}
    status = place.ok("status")
    assert (status["rollout"]["phase"], status["rollout"]["challenger"]) == ("rolled back", bad)
    assert [incident["name"] for incident in status["incidents"]] == ["rollout-churn"]
    assert list(status["channels"]) == ["oncall"], "nobody listens there, and that fails nothing"
    story = place.ok("rollout explain")["story"]
    assert [line["actor"] for line in story] == ["tester", "function:churn"]
    assert story[-1]["what"] == "canary: back to the champion"
    assert story[-1]["evidence"]["log_e"] > 6.9
    page = place.shell.ok("status", place.folder).out
    assert f"rollout   version {bad} rolled back: " in page
    assert "channel   oncall was not reached" in page


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sender_stays_with_one_version_and_a_shadow_touches_no_answer(place: Place) -> None:
    """Sticky: our own function tells them apart, on a provider that has weights and on one that has none."""
    place.traffic(30)
    champion = place.ok("status")["endpoints"][0]["version"]
    shadow = another_version(place, "\n# a shadow first, then for some\n")
    begun = place.ok("deploy --shadow --canary 30% --yes --set rollout.sticky=header:x-user")
    assert "by the header x-user" in begun["split"]
    place.answered.clear()
    place.until("canary", headers=user)
    assert place.answered == {champion: place.answered.total()}, "nobody was answered by a shadow"
    story = place.ok("rollout explain")["story"]
    assert story[-1]["evidence"]["requests"] >= 40, "and yet it was asked as much"

    versions: dict[int, set[int]] = {}
    for number in range(150):
        status, answer = place.post("/predict", {"records": [place.record(number)]}, **user(number % 50))
        assert status == 200
        versions.setdefault(number % 50, set()).add(answer["version"])
    assert all(len(seen) == 1 for seen in versions.values()), versions
    assert within(sum(seen == {shadow} for seen in versions.values()), 50, 0.3)
    place.until("promoted", headers=user)
    assert place.ok("status")["endpoints"][0]["version"] == shadow


def user(number: int) -> dict[str, str]:
    return {"x-user": f"user-{number}"}
