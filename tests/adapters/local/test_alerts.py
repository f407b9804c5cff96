from __future__ import annotations

import json
from pathlib import Path

from toolkit.adapters.local.alerts import open_alerts
from toolkit.domain.specs import Alert

ALERT = Alert(incident="drift/flights", state="open", title="Drift", labels={"endpoint": "flights"})


def test_the_log_is_always_there_and_dates_what_has_no_time(tmp_path: Path) -> None:
    alerts = open_alerts({"host": str(tmp_path / "host")})
    assert alerts.channels() == ("log",)
    for _ in range(2):
        assert [delivery.ok for delivery in alerts.publish(ALERT)] == [True]
    lines = [json.loads(line) for line in (tmp_path / "host" / "alerts.jsonl").read_text().split("\n") if line]
    assert [line["incident"] for line in lines] == ["drift/flights"] * 2
    assert all(line["time"].endswith("Z") for line in lines)


def test_channels_are_named_without_what_is_secret(tmp_path: Path) -> None:
    webhooks = [
        "https://user:PASSWORD@hooks.example.com/services/SECRET?token=SECRET",
        "https://hooks.example.com/services/SECRET",
        "secret:team-hook",
        "http://[broken/SECRET",
        "SECRET",
    ]
    assert open_alerts({"host": str(tmp_path), "webhooks": webhooks}).channels() == (
        "log",
        "webhook-1:hooks.example.com",
        "webhook-2:hooks.example.com",
        "webhook-3:team-hook",
        "webhook-4:?",
        "webhook-5:?",
    )


def test_a_log_that_cannot_be_written_is_a_failed_delivery(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").mkdir()
    (delivery,) = open_alerts({"host": str(tmp_path)}).publish(ALERT)
    assert not delivery.ok
    assert "could not write the alert log" in delivery.error
