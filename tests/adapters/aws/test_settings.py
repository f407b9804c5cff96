from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.adapters.aws import cloud
from tests.support import Shell
from toolkit.adapters.aws.settings import AwsSettings

CONTEXT = {"project": "flights", "target": "prod"}


def test_names_are_completed_from_project_and_target() -> None:
    found = AwsSettings.model_validate({"bucket": "my-bucket"}, context=CONTEXT)
    assert (found.prefix, found.secrets, found.namespace) == ("flights", "flights/prod", "flights/prod")
    assert AwsSettings.model_validate(found.model_dump(), context=CONTEXT) == found


def test_the_bucket_s_root_has_to_be_written_down() -> None:
    assert AwsSettings.model_validate({"prefix": ""}, context=CONTEXT).prefix == ""
    assert AwsSettings.model_validate({"prefix": "/team/ml/"}, context=CONTEXT).prefix == "team/ml"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("region", "Ireland"),
        ("bucket", "s3://my-bucket"),
        ("bucket", "My_Bucket"),
        ("prefix", "../other"),
        ("prefix", "x" * 101),
        ("endpoint", "localhost:9000"),
        ("endpoint", "http://user:password@host:9000"),
        ("endpoint", "http://host/path"),
        ("topics", ["alerts"]),
        ("topics", ["arn:aws:sns:eu-west-1:123456789012:alerts.fifo"]),
        ("subscribers", ["somebody"]),
        ("subscribers", ["http://hooks.example.com/alerts"]),
        ("subscribers", ["https://user:password@hooks.example.com/alerts"]),
        ("subscribers", ["https://hooks.example.com/${Stem}"]),
        ("subscribers", ["arn:aws:sqs:eu-west-1:123456789012:alerts.fifo"]),
        ("subscribers", ["arn:aws:iam::123456789012:role/alerts"]),
        ("secrets", "/a"),
        ("secrets", ""),
        ("namespace", "a//b"),
        ("access_key", "AKIA"),
    ],
)
def test_what_cannot_be_right_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        AwsSettings.model_validate({key: value}, context=CONTEXT)


def test_doctor_tells_what_is_offered_and_that_the_store_works(tmp_path: Path) -> None:
    given = cloud.bucket()
    table = "".join(f'{key} = "{given[key]}"\n' for key in ("bucket", "region", "endpoint", "services_endpoint"))
    text = f'name = "flights"\n\n[targets.prod]\nprovider = "aws"\n\n[targets.prod.aws]\n{table}'
    (tmp_path / "toolkit.toml").write_text(text)
    checks = {check["name"]: check for check in Shell().run("doctor -t prod --json", tmp_path).data["checks"]}
    offered = ("store", "functions", "secrets", "alerts", "metrics")
    assert [checks[port]["ok"] for port in offered] == [True] * len(offered)
    assert checks["store works"]["said"] == f"s3://{given['bucket']}/flights"
