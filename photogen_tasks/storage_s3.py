"""Storage in S3 or anything that speaks it, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.storage import PresignedPost

ABSENT = {"404", "NoSuchKey", "NotFound"}
PRESENT = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class S3Storage:
    """Objects below `prefix` in one bucket; credentials as boto3 finds them."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""

    @cached_property
    def _client(self) -> Any:
        return self._connect(settings().s3_endpoint_url)

    @cached_property
    def _public_client(self) -> Any:
        """Signs links with the host that browsers see."""
        return self._connect(settings().s3_public_url or settings().s3_endpoint_url)

    def _connect(self, endpoint: str | None) -> Any:
        style = "path" if endpoint else "auto"
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": style},
            retries={"mode": "standard", "max_attempts": 4},
            connect_timeout=5,
            read_timeout=60,
        )
        return boto3.client("s3", endpoint_url=endpoint, region_name=settings().s3_region, config=config)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        with _errors(key):
            self._client.upload_file(str(path), self.bucket, self.prefix + key, ExtraArgs={"ContentType": content_type})

    def put_if_absent(self, key: str, data: bytes) -> bool:
        try:
            with _errors(key):
                self._client.put_object(
                    Bucket=self.bucket,
                    Key=self.prefix + key,
                    Body=data,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
        except FileExistsError:
            return False
        return True

    def get_file(self, key: str, path: Path) -> None:
        with _errors(key):
            self._client.download_file(self.bucket, self.prefix + key, str(path))

    def get_bytes(self, key: str) -> bytes:
        with _errors(key):
            body = self._client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"]
            return bytes(body.read())

    def size(self, key: str) -> int | None:
        try:
            with _errors(key):
                return int(self._client.head_object(Bucket=self.bucket, Key=self.prefix + key)["ContentLength"])
        except KeyError:
            return None

    def keys(self, prefix: str) -> Iterator[str]:
        with _errors(prefix):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                for item in page.get("Contents", ()):
                    yield item["Key"].removeprefix(self.prefix)

    def delete_prefix(self, prefix: str) -> int:
        keys = list(self.keys(prefix))
        with _errors(prefix):
            for key in keys:
                self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)
        return len(keys)

    def presign_get(self, key: str, filename: str) -> str:
        params = {
            "Bucket": self.bucket,
            "Key": self.prefix + key,
            "ResponseContentDisposition": f'inline; filename="{filename}"',
        }
        url = self._public_client.generate_presigned_url("get_object", params, ExpiresIn=settings().presign_seconds)
        return str(url)

    def presign_post(self, key: str) -> PresignedPost:
        post = self._public_client.generate_presigned_post(
            self.bucket,
            self.prefix + key,
            Conditions=[["content-length-range", 1, settings().max_upload_bytes]],
            ExpiresIn=settings().presign_seconds,
        )
        return PresignedPost.model_validate(post)

    def check(self) -> None:
        with _errors(self.bucket):
            self._client.head_bucket(Bucket=self.bucket)


@contextmanager
def _errors(key: str) -> Iterator[None]:
    """Absent keys become KeyError, present ones FileExistsError, all else is ours and passing."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ABSENT:
            raise KeyError(key) from error
        if code in PRESENT:
            raise FileExistsError(key) from error
        raise TransientError("storage_unavailable", f"Storage refused {key}: {code}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise TransientError("storage_unavailable", f"Storage cannot be reached: {error}.") from error
