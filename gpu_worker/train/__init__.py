"""The stage `train`: weights that make the base model draw one person.

Read it downwards: settings (config, defaults), what is learnt (lessons, class_images, captions), how (trainer,
checkpoints), and what is told of it (curves). Images are drawn with the result by `generate`.
"""

from gpu_worker.train.config import TrainConfig
from gpu_worker.train.dreambooth import train_dreambooth

__all__ = ["TrainConfig", "train_dreambooth"]
