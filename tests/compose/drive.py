"""Sends one job through HTTP to its end and looks at what came out: `drive.py URL KEY OUT`. For run.sh."""

from __future__ import annotations

import sys
from pathlib import Path

from photogen_tasks.client import Client

SAMPLES = Path(__file__).parents[2] / "gpu_worker" / "base_models" / "pocket" / "people" / "samples"
TRAIN_STEPS = 20  # enough to pass every stage; how well it learns is tested elsewhere
PNG = b"\x89PNG\r\n\x1a\n"


def main(url: str, key: str, out: Path) -> None:
    """Raises AssertionError or the client's errors when anything is not as it must be."""
    customer = min(folder for folder in SAMPLES.iterdir() if folder.is_dir())
    photos = sorted(customer.glob("*.jpg"))
    assert photos, f"no sample photos in {customer}"
    with Client(url, key) as client:
        prompts = ["a photo of {token}", "a photo of {token} at the beach"]
        submitted = client.submit(photos=client.upload(photos), prompts=prompts, max_train_steps=TRAIN_STEPS)
        print(submitted["id"], flush=True)
        for job in client.watch(submitted["id"]):
            stages = ", ".join(f"{stage['name']} {stage['status']}" for stage in job["stages"])
            print(f"{job['status']}: {stages}", file=sys.stderr, flush=True)
        assert job["status"] == "succeeded", job
        images = client.download(submitted["id"], out)
    assert len(images) == len(prompts), images
    assert all(image.read_bytes().startswith(PNG) for image in images)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
