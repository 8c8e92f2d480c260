"""Pixels and tensors: the five stages and what they are made of; files in, files out.

Nothing here may know a queue, a row, a storage key or the environment, or import another room of ours.
"""

from gpu_worker.stage import OnStep, StageConfig

__all__ = ["OnStep", "StageConfig"]
