"""C2PA manifests: a signed statement inside the file of who made the image and with what.

Keys are read, never written, logged or told in an error; which files they lie in is not decided here.
"""

import io
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from PIL import Image

from gpu_worker.errors import BadSigner, Unreachable
from gpu_worker.provenance.infotext import loras_of
from gpu_worker.provenance.record import Drawn, MadeBy
from gpu_worker.provenance.xmp import SOURCE_TYPE

ASSERTION = "photogen.made_by"
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
# What a certificate may be meant for: e-mail, documents, and C2PA's own. The library by itself knows only the first.
PURPOSES = ("1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
SETTINGS = {
    "trust": {"trust_config": "\n".join(PURPOSES)},
    "verify": {"verify_after_sign": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},  # a second copy of a person's face serves nobody
}
OF_IMAGE = {
    *("seed", "width", "height", "sampler", "num_inference_steps", "guidance_scale"),
    *("hires_scale", "hires_strength", "faces_redrawn", "upscaled"),
}
OF_RUN = {"photogen", "torch", "diffusers", "device", "dtype", "base_model"}


class ImageSigner:
    """Signs PNGs with one key. Two threads may use it at once."""

    def __init__(self, key: Path, certificate: Path, timestamp_url: str | None = None) -> None:
        """Read both PEM files and sign a trial image, without a timestamp.

        `key`: without a password; on P-256, P-384 or P-521, RSA or Ed25519, which signs as ES256, ES384, ES512, PS256
        or Ed25519. `certificate`: the key's first, then those that issued it. `timestamp_url`: an RFC 3161 service.
        Raises BadSigner when a file is missing or broken, they do not belong together, or C2PA does not allow the
        certificate.
        """
        self._context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS))
        self._timestamps = timestamp_url is not None
        private = _private_key(key)
        chain = _chain(certificate, private)
        plain = _signer(private, chain, None)
        try:
            self._sign(plain, _trial(), [])
        except c2pa.C2paError as error:
            raise BadSigner(f"{certificate} is not fit to sign images: {error}") from None
        self._signer = _signer(private, chain, timestamp_url) if timestamp_url else plain

    def sign(self, png: bytes, drawn: Drawn | None = None, made_by: MadeBy | None = None) -> bytes:
        """The PNG with a manifest, whose signature covers all of the file.

        Raises Unreachable when the timestamp service does not answer, BadSigner when the key no longer serves.
        """
        told = []
        if drawn is not None and made_by is not None:
            told.append({"label": ASSERTION, "data": statement(drawn, made_by)})
        try:
            return self._sign(self._signer, png, told)
        except c2pa.C2paError as error:
            if self._timestamps:  # the key itself has signed the trial
                raise Unreachable(f"no timestamp for an image: {error}") from None
            raise BadSigner(f"an image was not signed: {error}") from None

    def _sign(self, signer: Any, png: bytes, told: list[dict[str, Any]]) -> bytes:
        signed = io.BytesIO()
        with c2pa.Builder(_manifest(told), self._context) as builder:
            builder.sign(signer, "image/png", io.BytesIO(png), signed)
        return signed.getvalue()


def open_signer(key: Path | None, certificate: Path | None, timestamp_url: str | None) -> ImageSigner | None:
    """None when neither file is named. Raises BadSigner, also when only one of them is."""
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise BadSigner("signing needs a key and a certificate, and only one of them is named")
    return ImageSigner(key, certificate, timestamp_url)


def statement(drawn: Drawn, made_by: MadeBy) -> dict[str, Any]:
    """What the manifest says beside C2PA's own: nothing of the subject, and no prompt."""
    run = made_by.model_dump(mode="json", include=OF_RUN)
    image = drawn.model_dump(mode="json", include=OF_IMAGE, exclude_none=True)
    return run | {"loras": loras_of(drawn, made_by), "image": image}


def _manifest(told: list[dict[str, Any]]) -> dict[str, Any]:
    agent = {"name": "Photogen", "version": version("photogen")}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    return {"claim_generator_info": [agent], "format": "image/png", "assertions": [actions, *told]}


def _signer(key: Any, chain: list[x509.Certificate], timestamp_url: str | None) -> Any:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificates = b"".join(certificate.public_bytes(pem) for certificate in chain)
    try:
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(_algorithm(key), certificates, private, timestamp_url))
    except c2pa.C2paError as error:
        raise BadSigner(f"the key does not sign: {error}") from None


def _private_key(file: Path) -> Any:
    """`from None` throughout: no row or log shall show what a library says of a key's content."""
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except TypeError:
        raise BadSigner(f"{file} is locked with a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadSigner(f"{file} holds no private key in PEM") from None
    if _algorithm(key) is None:
        raise BadSigner(f"{file} is no key on P-256, P-384 or P-521, RSA or Ed25519")
    return key


def _algorithm(key: Any) -> str | None:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return CURVES.get(key.curve.name)
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    return "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else None


def _chain(file: Path, key: Any) -> list[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(_read(file))
        belongs = chain[0].public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise BadSigner(f"{file} holds no certificates in PEM") from None
    if not belongs:
        raise BadSigner(f"the first certificate in {file} is not the key's")
    first, now = chain[0], datetime.now(UTC)
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        raise BadSigner(f"{file} is valid from {first.not_valid_before_utc} to {first.not_valid_after_utc}, not now")
    return chain


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadSigner(f"{file} cannot be read: {error.strerror}") from None


def _trial() -> bytes:
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, format="PNG")
    return png.getvalue()
