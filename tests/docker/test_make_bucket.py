"""The bucket is made once, with its rules; a server that takes no rule gets a bucket all the same."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import forget
from tests.photogen_tasks.refusals import door_to

SCRIPT = Path(__file__).parents[2] / "docker" / "make_bucket.py"
DEAD_UPLOADS = "photogen-dead-uploads"


@pytest.fixture
def bucket(s3_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"b{os.urandom(6).hex()}"
    monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("PHOTOGEN_STORAGE_URL", f"s3://{name}/here")
    return name


def run() -> None:
    forget()
    runpy.run_path(str(SCRIPT), run_name="__main__")


def client(s3_url: str) -> Any:
    return boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1")


def rules(s3_url: str, bucket: str) -> dict[str, Any]:
    found = client(s3_url).get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {rule["ID"]: rule for rule in found}


def test_dead_uploads_end_after_a_day(s3_url: str, bucket: str) -> None:
    run()
    run()
    assert list(rules(s3_url, bucket)) == [DEAD_UPLOADS]
    rule = rules(s3_url, bucket)[DEAD_UPLOADS]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (rule["Status"], rule["Filter"]["Prefix"]) == ("Enabled", "here/")


def test_rules_of_others_stay(s3_url: str, bucket: str) -> None:
    other = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}}
    client(s3_url).create_bucket(Bucket=bucket)
    client(s3_url).put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [other]})
    run()
    assert sorted(rules(s3_url, bucket)) == [DEAD_UPLOADS, "theirs"]
    assert rules(s3_url, bucket)["theirs"]["Expiration"] == {"Days": 7}


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("code", [(400, "MalformedXML"), (403, "AccessDenied"), (405, "MethodNotAllowed")])
def test_a_server_that_takes_no_rule_gets_its_bucket(
    s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch, method: str, code: tuple[int, str]
) -> None:
    def no_rule(asked: str, path: str) -> tuple[int, str] | None:
        return code if asked == method and "lifecycle" in path else None

    with door_to(s3_url, no_rule) as door:
        monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", door.url)
        run()
        assert door.refused
    assert client(s3_url).head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client(s3_url).get_bucket_cors(Bucket=bucket)["CORSRules"]
