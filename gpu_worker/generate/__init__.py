"""The stage `generate`: images of the subject, or of the base model's people when no weights are given.

Read it downwards: settings (config), what is drawn (plans), on what (engine, merging, subjects), how (batches,
conditioning, denoising), and which images are kept (delivery). Nothing is trained or enlarged here.
"""

from gpu_worker.generate.config import GenerateConfig
from gpu_worker.generate.delivery import generate_images
from gpu_worker.generate.warming import warm_up

__all__ = ["GenerateConfig", "generate_images", "warm_up"]
