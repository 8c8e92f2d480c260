"""What S3 does that no folder does: conflicts, lost manifests, uploads that never end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from photogen_tasks import manifests
from photogen_tasks.errors import TransientError
from photogen_tasks.storage import Storage, open_storage
from photogen_tasks.storage_s3 import S3Storage
from tests.conftest import forget
from tests.photogen_tasks.refusals import Door, door_to


class Refusals:
    """Says no, in turn, to requests of one method on keys of one ending; then everything passes."""

    def __init__(self, method: str, ending: str, *codes: tuple[int, str]) -> None:
        self.method, self.ending, self.codes = method, ending, list(codes)

    def __call__(self, method: str, path: str) -> tuple[int, str] | None:
        if method == self.method and path.endswith(self.ending) and self.codes:
            return self.codes.pop(0)
        return None


@contextmanager
def behind(s3_url: str, refusals: Refusals) -> Iterator[tuple[Storage, Door]]:
    """Storage behind a door."""
    with pytest.MonkeyPatch.context() as patch, door_to(s3_url, refusals) as door:
        patch.setenv("PHOTOGEN_S3_ENDPOINT_URL", door.url)
        forget()
        yield open_storage(f"s3://photogen/{os.urandom(6).hex()}"), door
    forget()


CONFLICT = (409, "ConditionalRequestConflict")


def test_a_conflict_on_s3_is_no_loss_and_is_asked_again(s3_url: str, data_dir: Path) -> None:
    with behind(s3_url, Refusals("PUT", "manifest.json", CONFLICT, CONFLICT)) as (store, door):
        assert store.put_if_absent("a/manifest.json", b"mine")
        assert store.get_bytes("a/manifest.json") == b"mine"
        assert len(door.refused) == 2


def test_a_conflict_on_s3_that_another_won_is_a_loss(s3_url: str, data_dir: Path) -> None:
    refusals = Refusals("PUT", "manifest.json")
    with behind(s3_url, refusals) as (store, _):
        assert store.put_if_absent("a/manifest.json", b"theirs")
        refusals.codes = [CONFLICT]
        assert not store.put_if_absent("a/manifest.json", b"mine")
        assert store.get_bytes("a/manifest.json") == b"theirs"


def test_conflicts_on_s3_without_end_pass_with_time(s3_url: str, data_dir: Path) -> None:
    with behind(s3_url, Refusals("PUT", "manifest.json", *[CONFLICT] * 50)) as (store, _):
        with pytest.raises(TransientError, match="again and again"):
            store.put_if_absent("a/manifest.json", b"mine")
        assert store.size("a/manifest.json") is None


def test_a_manifest_that_is_erased_while_we_keep_it_is_passing(s3_url: str, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    taken = Refusals("PUT", "manifest.json", (412, "PreconditionFailed"))
    with behind(s3_url, taken) as (store, _), pytest.raises(TransientError, match="erased"):
        manifests.keep(store, "p/a1/", tmp_path / "in")


def unfinished(s3_url: str, prefix: str) -> list[str]:
    client = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1")
    listed = client.list_multipart_uploads(Bucket="photogen", Prefix=prefix)
    return [upload["Key"] for upload in listed.get("Uploads", ())]


def begin(s3_url: str, key: str) -> None:
    """As a worker does that is killed in the middle of a large upload."""
    client = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1")
    where: dict[str, Any] = {"Bucket": "photogen", "Key": key}
    upload = client.create_multipart_upload(**where)["UploadId"]
    client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * 100)


def test_uploads_that_never_ended_go_with_their_folder(s3_url: str, data_dir: Path) -> None:
    with behind(s3_url, Refusals("", "")) as (store, _):
        assert isinstance(store, S3Storage)
        folder = f"{store.prefix}jobs"
        for key in ("j/w", "j/x", "other/w"):
            begin(s3_url, f"{folder}/{key}")
        store.put_if_absent("jobs/j/a", b"a")
        assert store.delete_prefix("jobs/j/") == 3
        assert unfinished(s3_url, folder) == [f"{folder}/other/w"]
        assert store.abort_uploads("jobs/") == 1
        assert unfinished(s3_url, folder) == []


@pytest.mark.parametrize("code", [(501, "NotImplemented"), (405, "MethodNotAllowed"), (403, "AccessDenied")])
def test_s3_that_lists_no_uploads_still_deletes(s3_url: str, data_dir: Path, code: tuple[int, str]) -> None:
    def no_uploads(method: str, path: str) -> tuple[int, str] | None:
        return code if method == "GET" and "uploads" in path else None

    with pytest.MonkeyPatch.context() as patch, door_to(s3_url, no_uploads) as door:
        patch.setenv("PHOTOGEN_S3_ENDPOINT_URL", door.url)
        forget()
        store = open_storage(f"s3://photogen/{os.urandom(6).hex()}")
        store.put_if_absent("j/a", b"a")
        assert store.delete_prefix("j/") == 1
        assert store.size("j/a") is None
        assert door.refused


def test_uploads_that_cannot_be_listed_now_are_ours_and_passing(s3_url: str, data_dir: Path) -> None:
    with behind(s3_url, Refusals("GET", "", (400, "InternalError"))) as (store, door):
        with pytest.raises(TransientError):
            store.delete_prefix("j/")
        assert "uploads" in door.refused[0]
