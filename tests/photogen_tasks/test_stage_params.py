"""The customer chooses, the operator names the weights; weights in S3 are fetched once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_worker.generate.config import GenerateConfig
from gpu_worker.train import TrainConfig
from photogen_tasks import db, held_job, jobs
from photogen_tasks.config import settings
from photogen_tasks.errors import FatalError
from photogen_tasks.held_job import HeldJob
from photogen_tasks.params import JobParams
from photogen_tasks.stage_params import local_folder, stage_params
from photogen_tasks.stages import Stage
from photogen_tasks.storage import Storage
from tests.photogen_tasks.conftest import Customer, make_customer


@pytest.fixture
def job(sqlite: str) -> HeldJob:
    customer = make_customer("customer")
    return submitted(customer, JobParams(style="demo", class_noun="woman", few_photos=True))


def submitted(customer: Customer, params: JobParams) -> HeldJob:
    with db.session_scope() as session:
        job = jobs.create(session, customer.tenant_id, params, photo_ids=customer.photos_in(session))
        found = held_job.locked(session.connection(), job.id, Stage.PREPROCESS)
        assert found is not None
        return found


def test_choices_pass_and_what_was_left_open_does_not(job: HeldJob) -> None:
    told = stage_params(job, Stage.TRAIN)
    assert (told["class_noun"], told["few_photos"], told["seed"]) == ("woman", True, 0)
    assert not {"method", "max_train_steps", "prompts", "base_model"} & set(told)


def test_the_operators_training_stands_below_what_a_job_asks_for(sqlite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_TRAINING", '{"method": "full", "max_train_steps": 7, "optimizer": "prodigy"}')
    settings.cache_clear()
    job = submitted(make_customer("customer"), JobParams(max_train_steps=9))
    config = TrainConfig.from_params(stage_params(job, Stage.TRAIN))
    assert (config.method, config.max_train_steps) == ("full", 9)
    assert (config.optimizer, config.learning_rate) == ("prodigy", 1)
    assert "optimizer" not in stage_params(job, Stage.GENERATE)


def test_how_images_are_drawn_reaches_generate_under_its_own_names(sqlite: str) -> None:
    drawn = JobParams(
        negative_prompt="hats",
        sampler="euler a",
        num_inference_steps=12,
        guidance_scale=5,
        width=128,
        height=96,
        hires=True,
        face_pass=True,
    )
    told = stage_params(submitted(make_customer("customer"), drawn), Stage.GENERATE)
    config = GenerateConfig.from_params(told)
    assert (config.negative_prompt, config.sampler, config.num_inference_steps) == ("hats", "euler a", 12)
    assert (config.guidance_scale, config.width, config.height) == (5, 128, 96)
    assert (config.hires_scale, config.face_pass) == (1.5, True)


def test_what_was_left_open_is_the_styles(job: HeldJob) -> None:
    config = GenerateConfig.from_params(stage_params(job, Stage.GENERATE))
    assert (config.negative_prompt, config.sampler, config.width, config.hires_scale) == (None, None, None, None)
    assert not config.face_pass


def test_each_stage_is_told_of_its_own_weights(job: HeldJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHOTOGEN_UPSCALE_WEIGHTS", "/weights/x4.safetensors")
    monkeypatch.setenv("PHOTOGEN_LORAS", "/weights/loras")
    monkeypatch.setenv("PHOTOGEN_MATTING", "rembg")
    monkeypatch.setenv("PHOTOGEN_REMBG_MODEL", "u2net")
    monkeypatch.setenv("PHOTOGEN_REMBG_WEIGHTS", str(tmp_path))
    settings.cache_clear()
    assert stage_params(job, Stage.UPSCALE)["upscale_weights"] == "/weights/x4.safetensors"
    assert stage_params(job, Stage.GENERATE)["loras"] == "/weights/loras"
    matte = stage_params(job, Stage.MATTE)
    assert (matte["matting"], matte["rembg_model"], matte["rembg_weights"]) == ("rembg", "u2net", str(tmp_path))
    assert not {"matting", "upscale_weights"} & set(stage_params(job, Stage.TRAIN))


def test_only_upscale_is_told_where_the_signing_key_lies(job: HeldJob, monkeypatch: pytest.MonkeyPatch) -> None:
    signing = {"c2pa_key": "/keys/c2pa.key", "c2pa_certificate": "/keys/c2pa.pem"}
    assert not {*signing, "c2pa_timestamp_url"} & set(stage_params(job, Stage.UPSCALE))
    for name, file in signing.items():
        monkeypatch.setenv(f"PHOTOGEN_{name.upper()}", file)
    settings.cache_clear()
    told = stage_params(job, Stage.UPSCALE)
    assert signing.items() <= told.items()
    assert "c2pa_timestamp_url" not in told
    assert not set(signing) & set(stage_params(job, Stage.GENERATE))


def test_half_a_signer_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGEN_C2PA_KEY", "/keys/c2pa.key")
    settings.cache_clear()
    with pytest.raises(ValueError, match="PHOTOGEN_C2PA_KEY and PHOTOGEN_C2PA_CERTIFICATE go together"):
        settings()


def test_the_embedded_default_is_portrait(job: HeldJob) -> None:
    told = stage_params(job, Stage.MATTE)
    assert told["matting"] == "portrait"
    assert "rembg_weights" not in told


def test_the_gate_has_the_operators_limits(job: HeldJob, monkeypatch: pytest.MonkeyPatch) -> None:
    told = stage_params(job, Stage.PREPROCESS)
    assert (told["min_photos"], told["more_scales"]) == (4, ["close", "half_body"])
    monkeypatch.setenv("PHOTOGEN_MIN_PHOTOS", "6")
    monkeypatch.setenv("PHOTOGEN_CROP_SCALES", "")
    settings.cache_clear()
    told = stage_params(job, Stage.PREPROCESS)
    assert told["min_photos"] == 6
    assert "more_scales" not in told


@pytest.mark.parametrize("objects", ["s3"], indirect=True)
def test_weights_in_s3_are_fetched_when_they_are_new(objects: Storage) -> None:
    place = settings().storage_url
    with pytest.raises(FatalError, match=r"net\.onnx\.sha256 is not at s3://"):
        local_folder(place, "net.onnx")
    put(objects, "first")
    folder = local_folder(place, "net.onnx")
    assert (folder / "net.onnx").read_text() == "first"
    (folder / "net.onnx").write_text("mine now")  # as it is there already, it is not fetched
    assert (local_folder(place, "net.onnx") / "net.onnx").read_text() == "mine now"
    put(objects, "second")
    assert (local_folder(place, "net.onnx") / "net.onnx").read_text() == "second"
    assert sorted(path.name for path in folder.iterdir()) == ["net.onnx", "net.onnx.sha256"]


def put(objects: Storage, content: str) -> None:
    objects.delete_prefix("net.onnx")
    objects.put_if_absent("net.onnx", content.encode())
    objects.put_if_absent("net.onnx.sha256", f"hash of {content}".encode())
