"""Makes the bucket of PHOTOGEN_STORAGE_URL if it is missing, lets the API's pages upload into it, ends dead uploads.

Runs once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import structlog
from botocore.exceptions import ClientError

from photogen_tasks.config import settings

log = structlog.get_logger()
MINE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
UNKNOWN = ("NotImplemented", "MethodNotAllowed")  # some servers allow every origin and know no rule
DEAD_UPLOADS = "photogen-dead-uploads"


def main() -> None:
    """Make the bucket and its rule; both may be there already."""
    client = boto3.client("s3", endpoint_url=settings().s3_endpoint_url, region_name=settings().s3_region)
    bucket = urlsplit(settings().storage_url).netloc
    _allow(lambda: client.create_bucket(Bucket=bucket), MINE)
    # Browsers send photos and fetch images from the API's pages, which live on another origin than the bucket.
    rule = {"AllowedOrigins": [_origin()], "AllowedMethods": ["GET", "POST"], "AllowedHeaders": ["*"]}
    _allow(lambda: client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]}), UNKNOWN)
    _end_dead_uploads(client, bucket)


def _end_dead_uploads(client: Any, bucket: str) -> None:
    """What a killed worker had begun to upload goes after a day; rules of others stay."""
    folder = urlsplit(settings().storage_url).path.strip("/")
    mine = {
        "ID": DEAD_UPLOADS,
        "Status": "Enabled",
        "Filter": {"Prefix": f"{folder}/" if folder else ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    try:
        rules = [rule for rule in _rules(client, bucket) if rule.get("ID") != DEAD_UPLOADS]
        client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, mine]})
    except ClientError as error:  # erasing a job ends its uploads too
        log.warning("the bucket takes no rule for dead uploads", error=str(error))


def _rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []
    return found


def _origin() -> str:
    url = urlsplit(settings().public_url)
    return f"{url.scheme}://{url.netloc}"


def _allow(call: Callable[[], object], codes: tuple[str, ...]) -> None:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


if __name__ == "__main__":
    main()
