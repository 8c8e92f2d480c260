"""Help for customers with few good photos: a training set of a stated size, drawn from one to twenty of them.

The doors are `Source`, `plan`, `draw` and `make_photos`. No file is read or written, no photo is judged, and no
face is drawn anew: every made photo shows the subject's own pixels in another frame, place and light.
"""

from gpu_worker.few_photos.drawing import MadePhoto, draw, make_photos
from gpu_worker.few_photos.planning import Recipe, plan
from gpu_worker.few_photos.source import MAX_SOURCES, Source

__all__ = ["MAX_SOURCES", "MadePhoto", "Recipe", "Source", "draw", "make_photos", "plan"]
