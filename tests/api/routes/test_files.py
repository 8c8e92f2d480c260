"""Local files: a signature is the only way in, and nothing beyond its size comes in."""

from __future__ import annotations

import os
import re
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from photogen_tasks import storage_local
from photogen_tasks.config import settings
from photogen_tasks.storage import storage
from tests.api.conftest import Caller
from tests.conftest import forget

PNG = b"\x89PNG\r\n\x1a\n"


def changed(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return parts._replace(query=urlencode(query | changes)).geturl()


def kept(key: str, data: bytes = PNG, filename: str = "one.png") -> str:
    assert storage().put_if_absent(key, data)
    return storage().presign_get(key, filename)


def test_an_image_is_shown_as_an_image(caller: Caller) -> None:
    answer = caller.http.get(kept("tenants/a/000.png"))
    assert answer.content == PNG
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == 'inline; filename="one.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("key", ["tenants/a/photos/0123", "tenants/a/x.html", "tenants/a/x.svg"])
def test_anything_else_is_a_download(caller: Caller, key: str) -> None:
    answer = caller.http.get(kept(key, b"<script>", "x.html"))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_parts_of_a_file_can_be_asked_for(caller: Caller) -> None:
    answer = caller.http.get(kept("tenants/a/000.png"), headers={"Range": "bytes=1-3"})
    assert (answer.status_code, answer.content) == (206, b"PNG")


@pytest.mark.parametrize(
    "changes",
    [{"signature": "0" * 64}, {"expires": "99999999999"}, {"filename": "evil.html"}],
)
def test_a_changed_link_is_refused(caller: Caller, changes: dict[str, str]) -> None:
    answer = caller.http.get(changed(kept("tenants/a/000.png"), **changes))
    assert (answer.status_code, answer.json()["code"]) == (403, "link_invalid")


def test_a_link_serves_its_own_file_and_verb_only(caller: Caller) -> None:
    url = kept("tenants/a/000.png")
    kept("tenants/b/000.png")
    assert caller.http.get(url.replace("tenants/a", "tenants/b")).status_code == 403
    assert caller.http.post(url, files={"file": b"x"}).status_code == 403
    assert caller.http.get(storage().presign_post("tenants/a/000.png").url).status_code == 403


def test_an_old_link_is_refused(caller: Caller) -> None:
    expires = int(time.time()) - 1
    url = changed(
        kept("tenants/a/000.png"),
        expires=str(expires),
        signature=storage_local.sign("GET", "tenants/a/000.png", "one.png", expires),
    )
    assert caller.http.get(url).status_code == 403


@pytest.mark.parametrize("signature", ["", "é" * 64, "0" * 63, "G" * 64])
def test_a_signature_of_the_wrong_shape_is_refused(caller: Caller, signature: str) -> None:
    assert caller.http.get(changed(kept("tenants/a/000.png"), signature=signature)).status_code == 422


def test_a_signed_link_to_nothing_is_not_found(caller: Caller) -> None:
    assert caller.http.get(storage().presign_get("tenants/a/none.png", "none.png")).status_code == 404


def test_a_photo_beyond_the_limit_is_refused_and_not_kept(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_MAX_UPLOAD_BYTES", "1000")
    forget()
    for size in (1001, 200_000):  # beyond the photo's limit; beyond what the whole request may have
        upload = caller.announce()[0]
        answer = caller.http.post(upload["url"], files={"file": os.urandom(size)})
        assert answer.status_code == 413
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert caller.submit(photos=[upload["photo"]]).json()["code"] == "photo_not_uploaded"
    largest = caller.announce()[0]
    assert caller.http.post(largest["url"], files={"file": os.urandom(1000)}).status_code == 204


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"file": b""}},
        {"files": {"photo": b"x"}},
        {"data": {"file": "text"}},
        {"content": b"raw"},
        {"files": [("file", b"one"), ("file", b"two")]},
        {"content": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
def test_a_form_without_one_photo_is_refused(caller: Caller, form: dict[str, object]) -> None:
    answer = caller.http.post(caller.announce()[0]["url"], **form)  # type: ignore[arg-type]
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_without_a_signature_no_byte_is_read(caller: Caller) -> None:
    def exploding() -> object:
        raise AssertionError("the body was read")
        yield b""

    url = re.sub("signature=.{8}", "signature=00000000", caller.announce()[0]["url"])
    answer = caller.http.post(url, content=exploding(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 403


def test_where_storage_gives_its_own_links_there_are_none_here(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    url = kept("tenants/a/000.png")
    monkeypatch.setenv("PHOTOGEN_STORAGE_URL", "s3://photogen")
    forget()
    assert caller.http.get(url).status_code == 404
    assert settings().storage_url == "s3://photogen"
