"""What a person looks at to judge a training: sheets of images and loss curves, as picture files.

No measuring here.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

ZOOM = 2  # 64 px is small for human eyes


def save_sheet(images: torch.Tensor, columns: int, file: Path) -> None:
    """Write uint8 (N, 3, H, W) as one picture, row after row."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * height, number % columns * width
        sheet[top : top + height, left : left + width] = image.permute(1, 2, 0).numpy()
    file.parent.mkdir(parents=True, exist_ok=True)
    size = (sheet.shape[1] * ZOOM, sheet.shape[0] * ZOOM)
    Image.fromarray(sheet).resize(size, Image.Resampling.BICUBIC).save(file, quality=88)


def save_loss_curve(curves: dict[str, list[tuple[int, float]]], file: Path) -> None:
    """Write one panel per training: loss (log) over train steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(curves), 3.2), layout="constrained")
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for panel, (name, curve) in zip(panels, curves.items(), strict=True):
        steps, losses = zip(*curve, strict=True)
        panel.plot(steps, losses, linewidth=0.8)
        panel.set(title=name, xlabel="train step", ylabel="loss", yscale="log")
        panel.grid(alpha=0.3)
    figure.savefig(file, dpi=110)
