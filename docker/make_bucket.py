"""Makes the bucket of PHOTOGEN_STORAGE_URL if it is missing and lets the API's pages upload into it. Runs once."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from photogen_tasks.config import settings

MINE = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
UNKNOWN = ("NotImplemented", "MethodNotAllowed")  # some servers allow every origin and know no rule


def main() -> None:
    """Make the bucket and its rule; both may be there already."""
    client = boto3.client("s3", endpoint_url=settings().s3_endpoint_url, region_name=settings().s3_region)
    bucket = urlsplit(settings().storage_url).netloc
    _allow(lambda: client.create_bucket(Bucket=bucket), MINE)
    # Browsers send photos and fetch images from the API's pages, which live on another origin than the bucket.
    rule = {"AllowedOrigins": [_origin()], "AllowedMethods": ["GET", "POST"], "AllowedHeaders": ["*"]}
    _allow(lambda: client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]}), UNKNOWN)


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
