"""Records, and keys with certificates of a test's own authority."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gpu_worker.provenance import BaseModelUsed, Drawn, MadeBy

PEM = serialization.Encoding.PEM
MAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
KEYS: dict[str, Callable[[], Any]] = {
    "Es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ps256": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
DRAWN = Drawn(
    file="001.png",
    prompt="a photo of a (zwx woman:1.2), snow",
    negative_prompt="blurry, (ugly:1.3)",
    seed=4_294_967_295,
    width=64,
    height=48,
    sampler="DPM++ 2M Karras",
    num_inference_steps=20,
    guidance_scale=7.5,
)
MADE_BY = MadeBy(
    photogen="0.1.0",
    torch="2.9.0",
    diffusers="0.38.0",
    device="cpu x86_64 AVX2, 2 threads",
    dtype="float32",
    base_model=BaseModelUsed(name="pocket", sha256="0123456789abcdef" * 4),
    subject_sha256="5" * 64,
    loras={"film": "f" * 64, "fog": "0" * 64},
    settings={"seed": 7, "prompts": ["a photo of a {token}"]},
)


class Authority:
    """Issues certificates for a year, or for the days it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._issue("Test Authority", self.key.public_key(), (-1, 365), None)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    def key_file(self, key: Any, password: bytes | None = None) -> Path:
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        file = self.folder / f"{len(list(self.folder.iterdir()))}.key"
        file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked))
        return file

    def chain_file(self, key: Any, *, days: tuple[int, int] = (-1, 365), purpose: Any = MAIL) -> Path:
        """A certificate for `key`, valid between two `days` from now, and the authority's own."""
        issued = self._issue("Test Signer", key.public_key(), days, purpose)
        file = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        file.write_bytes(issued.public_bytes(PEM) + self.certificate.public_bytes(PEM))
        return file

    def _issue(self, name: str, public: Any, days: tuple[int, int], purpose: Any) -> x509.Certificate:
        """`purpose` None: the authority's own."""
        now, own = datetime.now(UTC), purpose is None
        usage = x509.KeyUsage(not own, False, False, False, False, own, own, False, False)
        builder = (
            x509.CertificateBuilder(_name(name), _name("Test Authority"), public, x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(own, None), True)
            .add_extension(usage, True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        )
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        return builder.sign(self.key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    told = {NameOID.ORGANIZATION_NAME: "Photogen's tests", NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in told.items()])


@pytest.fixture
def drawn() -> Drawn:
    return DRAWN


@pytest.fixture
def made_by() -> MadeBy:
    return MADE_BY


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=KEYS)
def any_key(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """The algorithm's name as readers tell it, and a key for it."""
    return request.param, KEYS[request.param]()
