"""Storage in S3 or anything that speaks it, through boto3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}
PRESENT = {"412", "PreconditionFailed"}
CONFLICT = {"409", "ConditionalRequestConflict"}  # another conditional write is under way: nobody has won yet
CONFLICT_WAITS = (0.0, 0.1, 0.2, 0.4, 0.8)  # seconds before each try
# Some servers list no uploads, and some credentials may not ask; the bucket's own rule ends uploads then.
UNTOLD = {"501", "NotImplemented", "405", "MethodNotAllowed", "403", "AccessDenied"}


class _Conflict(TransientError):
    """S3 asks us to try again."""


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
        for wait in CONFLICT_WAITS:
            time.sleep(wait)
            with suppress(_Conflict):
                return self._put_new(key, data)
        raise TransientError("storage_unavailable", f"Others write {key} again and again.")

    def _put_new(self, key: str, data: bytes) -> bool:
        where = {"Bucket": self.bucket, "Key": self.prefix + key}
        try:
            with _errors(key):
                self._client.put_object(**where, Body=data, ContentType="application/json", IfNoneMatch="*")
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
        aborted = self.abort_uploads(prefix)  # first: an upload that ends meanwhile is among the keys
        keys = list(self.keys(prefix))
        with _errors(prefix):
            for key in keys:
                self._client.delete_object(Bucket=self.bucket, Key=self.prefix + key)
        return aborted + len(keys)

    def abort_uploads(self, prefix: str) -> int:
        unfinished = self._unfinished(self.prefix + prefix)
        for key, upload in unfinished:
            with suppress(KeyError), _errors(key):  # it may have ended meanwhile
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)
        return len(unfinished)

    def _unfinished(self, prefix: str) -> list[tuple[str, str]]:
        with _errors(prefix):
            try:
                pages = self._client.get_paginator("list_multipart_uploads")
                found = [
                    (upload["Key"], upload["UploadId"])
                    for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
                    for upload in page.get("Uploads", ())
                ]
            except ClientError as error:
                if _code(error) in UNTOLD:
                    return []
                raise
        # Asked for again: a server that knows no prefix here would have us end the uploads of others.
        return [(key, upload) for key, upload in found if key.startswith(prefix)]

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
    """Absent keys become KeyError, present ones FileExistsError, what S3 wants again _Conflict; the rest is passing."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in ABSENT:
            raise KeyError(key) from error
        if code in PRESENT:
            raise FileExistsError(key) from error
        if code in CONFLICT:
            raise _Conflict("storage_unavailable", f"Another write of {key} is under way.") from error
        raise TransientError("storage_unavailable", f"Storage refused {key}: {code}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise TransientError("storage_unavailable", f"Storage cannot be reached: {error}.") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
