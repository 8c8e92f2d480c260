"""Pocket, our own base model: its people, its architecture, its training, its weights.

No stage of the pipeline belongs here; to a stage, pocket is a folder that `family.load_base_model` opens.
"""

from pathlib import Path

# The trained pocket that ships with the code: a diffusers folder, the default base model.
WEIGHTS = Path(__file__).parent / "weights"
