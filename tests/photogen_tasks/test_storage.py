"""Storage behaves alike in a folder and in S3, and hands out links that expire and cannot be forged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from photogen_tasks import manifests
from photogen_tasks.errors import TransientError
from photogen_tasks.storage import Storage, answers, open_storage
from photogen_tasks.storage_local import LocalStorage, sign, verify
from tests.conftest import S3_CREDENTIALS, forget, free_port


def test_bytes_come_back_and_go(objects: Storage, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"12345")
    objects.put_file("tenants/t/a.bin", tmp_path / "in", "application/octet-stream")
    objects.get_file("tenants/t/a.bin", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"12345"
    assert objects.size("tenants/t/a.bin") == 5
    assert list(objects.keys("tenants/")) == ["tenants/t/a.bin"]
    assert objects.delete_prefix("tenants/t/") == 1
    assert objects.size("tenants/t/a.bin") is None


def test_what_is_absent_is_a_key_error(objects: Storage, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        objects.get_bytes("nothing")
    with pytest.raises(KeyError):
        objects.get_file("nothing", tmp_path / "out")


def test_the_first_writer_wins(objects: Storage) -> None:
    assert objects.put_if_absent("a/manifest.json", b"first")
    assert not objects.put_if_absent("a/manifest.json", b"second")
    assert objects.get_bytes("a/manifest.json") == b"first"


@contextmanager
def powerless() -> Iterator[None]:
    """Root may delete anything; nobody may not."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_deleted_is_told() -> None:
    with tempfile.TemporaryDirectory() as root:
        store = LocalStorage(Path(root))
        store.put_if_absent("jobs/j/a/x", b"x")
        store.put_if_absent("photos/p", b"p")
        for folder in (root, f"{root}/jobs", f"{root}/jobs/j"):
            os.chmod(folder, 0o755)
        for folder in (f"{root}/jobs/j/a", f"{root}/photos"):
            os.chmod(folder, 0o555)
        with powerless():
            for prefix in ("jobs/j/", "photos/p"):
                with pytest.raises(TransientError, match="deleted"):
                    store.delete_prefix(prefix)
        assert sorted(store.keys("jobs/")) == ["jobs/j/a/x"]
        for folder in (f"{root}/jobs/j/a", f"{root}/photos"):
            os.chmod(folder, 0o755)
        assert store.delete_prefix("jobs/j/") == store.delete_prefix("photos/p") == 1


def test_what_is_not_there_is_deleted_already(objects: Storage) -> None:
    assert objects.delete_prefix("tenants/t/") == 0
    assert objects.abort_uploads("tenants/t/") == 0


def test_storage_answers_or_not(objects: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers()
    monkeypatch.setenv("PHOTOGEN_STORAGE_URL", "file:///proc/photogen")
    forget()
    assert not answers()


def test_a_folder_survives_the_trip(objects: Storage, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "x.png").write_bytes(b"x" * 1000)
    key = manifests.keep(objects, "tenants/t/jobs/j/matte/a1/", tmp_path / "in").key
    manifests.fetch(objects, key, tmp_path / "out")
    assert (tmp_path / "out" / "deep" / "x.png").read_bytes() == b"x" * 1000


def test_a_damaged_object_is_noticed(objects: Storage, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").write_bytes(b"good")
    key = manifests.keep(objects, "p/a1/", tmp_path / "in").key
    (tmp_path / "in" / "x").write_bytes(b"evil")
    [file] = manifests.read(objects, key).files
    objects.put_file(file.key("p/a1/"), tmp_path / "in" / "x", "text/plain")
    with pytest.raises(TransientError, match="hash"):
        manifests.fetch(objects, key, tmp_path / "out")


def test_s3_links_work_without_our_credentials(
    s3_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", s3_url)
    store = open_storage("s3://photogen/links")
    post = store.presign_post("photos/one")
    assert httpx.post(post.url, data=post.fields, files={"file": b"jpeg"}).is_success
    link = store.presign_get("photos/one", "one.jpg")
    assert httpx.get(link).content == b"jpeg"
    assert httpx.get(link.replace("Signature=", "Signature=0")).status_code == 403


def test_s3_that_is_away_is_ours_and_passing(data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for name, value in S3_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    store = open_storage("s3://photogen/links")
    (tmp_path / "in").write_bytes(b"12345")
    with pytest.raises(TransientError):
        store.put_file("a", tmp_path / "in", "text/plain")
    with pytest.raises(TransientError):
        store.get_file("a", tmp_path / "out")


def test_s3_that_refuses_an_upload_is_ours_and_passing(
    s3_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHOTOGEN_S3_ENDPOINT_URL", s3_url)
    (tmp_path / "in").write_bytes(b"12345")
    with pytest.raises(TransientError, match="NoSuchBucket"):
        open_storage("s3://no-such-bucket/x").put_file("a", tmp_path / "in", "text/plain")


def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(ValueError, match="file://"):
        open_storage("ftp://somewhere/else")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", ""])
def test_keys_stay_inside(tmp_path: Path, key: str) -> None:
    with pytest.raises(KeyError):
        LocalStorage(tmp_path / "root").path(key)


def test_local_links_cannot_be_forged(data_dir: Path) -> None:
    good = sign("GET", "a", "a.png", 2_000_000_000)
    assert verify("GET", "a", "a.png", 2_000_000_000, good)
    assert not verify("POST", "a", "a.png", 2_000_000_000, good)
    assert not verify("GET", "b", "a.png", 2_000_000_000, good)
    assert not verify("GET", "a", "a.png", 1, sign("GET", "a", "a.png", 1))
