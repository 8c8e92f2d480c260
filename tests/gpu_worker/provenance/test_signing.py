"""C2PA manifests, as C2PA's own reader finds them; keys that do not serve."""

import io
import json
import logging
import socket
import zlib
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.x509 import ObjectIdentifier

from gpu_worker.errors import BadSigner, Unreachable
from gpu_worker.images import read_rgb, write_png
from gpu_worker.provenance import Drawn, MadeBy, write_image
from gpu_worker.provenance.signing import ASSERTION, PURPOSES, ImageSigner, open_signer
from tests.gpu_worker.provenance.conftest import Authority

PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def signer(authority: Authority, key: Any) -> ImageSigner:
    return ImageSigner(authority.key_file(key), authority.chain_file(key))


def unsigned() -> bytes:
    file = io.BytesIO()
    write_png(PIXELS, file)
    return file.getvalue()


def signed(path: Path, signer: ImageSigner, drawn: Drawn | None, made_by: MadeBy | None) -> bytes:
    write_image(PIXELS, path, drawn, made_by, signer)
    return path.read_bytes()


def read(png: bytes, authority: Authority) -> tuple[str, dict[str, Any]]:
    """The state of validation for somebody who trusts `authority`, and the manifest."""
    trust = {"user_anchors": authority.pem, "trust_config": "\n".join(PURPOSES)}
    settings = c2pa.Settings.from_dict({"trust": trust, "verify": {"verify_trust": True}})
    with c2pa.Reader("image/png", io.BytesIO(png), context=c2pa.Context(settings)) as reader:
        return reader.get_validation_state(), reader.get_active_manifest()


def test_each_kind_of_key_signs(
    tmp_path: Path, authority: Authority, any_key: tuple[str, Any], drawn: Drawn, made_by: MadeBy
) -> None:
    algorithm, private = any_key
    signer = ImageSigner(authority.key_file(private), authority.chain_file(private))
    state, manifest = read(signed(tmp_path / "a.png", signer, drawn, made_by), authority)
    assert state == "Trusted"
    assert manifest["signature_info"]["alg"] == algorithm
    assert np.array_equal(read_rgb(tmp_path / "a.png"), PIXELS)


def test_the_manifest_says_who_and_what(
    tmp_path: Path, authority: Authority, signer: ImageSigner, drawn: Drawn, made_by: MadeBy
) -> None:
    _, manifest = read(signed(tmp_path / "a.png", signer, drawn, made_by), authority)
    told = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    (action,) = told["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"]["name"] == "Photogen"
    assert told[ASSERTION]["base_model"] == made_by.base_model.model_dump()
    assert told[ASSERTION]["image"]["seed"] == drawn.seed
    assert manifest.get("thumbnail") is None


def test_the_manifest_says_nothing_of_the_subject(
    tmp_path: Path, authority: Authority, signer: ImageSigner, drawn: Drawn, made_by: MadeBy
) -> None:
    _, manifest = read(signed(tmp_path / "a.png", signer, drawn, made_by), authority)
    text = json.dumps(manifest)
    for secret in (drawn.prompt, drawn.negative_prompt, "zwx", str(made_by.subject_sha256)):
        assert secret not in text


def test_an_image_of_unknown_making_is_signed_too(tmp_path: Path, authority: Authority, signer: ImageSigner) -> None:
    state, manifest = read(signed(tmp_path / "a.png", signer, None, None), authority)
    assert state == "Trusted"
    assert [assertion["label"] for assertion in manifest["assertions"]] == ["c2pa.actions.v2"]


def test_a_changed_pixel_shows(
    tmp_path: Path, authority: Authority, signer: ImageSigner, drawn: Drawn, made_by: MadeBy
) -> None:
    png = signed(tmp_path / "a.png", signer, drawn, made_by)
    start = png.index(b"IDAT") + 4
    size = int.from_bytes(png[start - 8 : start - 4], "big")
    pixels = bytearray(zlib.decompress(png[start : start + size]))
    pixels[100] ^= 1
    body = zlib.compress(bytes(pixels), 1)
    chunk = len(body).to_bytes(4, "big") + b"IDAT" + body + zlib.crc32(b"IDAT" + body).to_bytes(4, "big")
    (tmp_path / "b.png").write_bytes(png[: start - 8] + chunk + png[start + size + 4 :])
    assert np.count_nonzero(read_rgb(tmp_path / "b.png") != PIXELS) > 0
    assert read((tmp_path / "b.png").read_bytes(), authority)[0] == "Invalid"


def test_changed_parameters_show(
    tmp_path: Path, authority: Authority, signer: ImageSigner, drawn: Drawn, made_by: MadeBy
) -> None:
    png = signed(tmp_path / "a.png", signer, drawn, made_by)
    assert png.count(b"snow") == 1
    assert read(png.replace(b"snow", b"rain"), authority)[0] == "Invalid"


@pytest.mark.parametrize("purpose", PURPOSES)
def test_certificates_for_each_purpose_serve(authority: Authority, key: Any, purpose: str) -> None:
    chain = authority.chain_file(key, purpose=ObjectIdentifier(purpose))
    assert ImageSigner(authority.key_file(key), chain).sign(unsigned())


def test_certificates_for_other_purposes_do_not(authority: Authority, key: Any) -> None:
    chain = authority.chain_file(key, purpose=ObjectIdentifier("1.3.6.1.5.5.7.3.1"))  # web servers
    with pytest.raises(BadSigner, match="not fit to sign images"):
        ImageSigner(authority.key_file(key), chain)


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)])
def test_certificates_of_another_time_do_not(authority: Authority, key: Any, days: tuple[int, int]) -> None:
    with pytest.raises(BadSigner, match="not now"):
        ImageSigner(authority.key_file(key), authority.chain_file(key, days=days))


def test_anothers_certificate_does_not(authority: Authority, key: Any) -> None:
    other = authority.chain_file(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BadSigner, match="is not the key's"):
        ImageSigner(authority.key_file(key), other)


def test_files_that_do_not_serve_are_named(authority: Authority, key: Any, tmp_path: Path) -> None:
    good_key, good_chain, junk = authority.key_file(key), authority.chain_file(key), tmp_path / "junk"
    junk.write_text("-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n")
    cases = [
        (tmp_path / "none", good_chain, "none cannot be read: No such file"),
        (good_key, tmp_path / "none", "none cannot be read: No such file"),
        (tmp_path, good_chain, "cannot be read: Is a directory"),
        (junk, good_chain, "junk holds no private key in PEM"),
        (good_key, junk, "junk holds no certificates in PEM"),
        (authority.key_file(key, b"password"), good_chain, "is locked with a password"),
        (authority.key_file(dsa.generate_private_key(1024)), good_chain, "is no key on P-256"),
        (authority.key_file(ec.generate_private_key(ec.SECP256K1())), good_chain, "is no key on P-256"),
    ]
    for private, chain, told in cases:
        with pytest.raises(BadSigner, match=told):
            ImageSigner(private, chain)


def test_half_a_signer_is_none(tmp_path: Path) -> None:
    assert open_signer(None, None, "http://127.0.0.1/") is None
    for key, certificate in ((tmp_path, None), (None, tmp_path)):
        with pytest.raises(BadSigner, match="only one of them"):
            open_signer(key, certificate, None)


def test_no_timestamp_service_is_nobodys_key(authority: Authority, key: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, never listening: refused at once
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        signer = ImageSigner(authority.key_file(key), authority.chain_file(key), url)
        with pytest.raises(Unreachable, match="no timestamp"):
            signer.sign(unsigned())


def test_a_key_is_never_told(authority: Authority, key: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = authority.key_file(key)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("-")]
    signer = ImageSigner(file, authority.chain_file(key))
    signer.sign(unsigned())
    with pytest.raises(BadSigner) as caught:
        ImageSigner(file, file)
    told = caplog.text + repr(signer) + str(vars(signer)) + str(caught.value)
    assert not [line for line in lines if line in told]
