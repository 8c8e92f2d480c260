"""Where an image comes from: told in its file to people's programs, signed, and recorded so that it can be drawn again.

The doors are `write_image`, the records (`MadeBy`, `Drawn`, `Delivery`, `Record`), signing.py and redraw.py. Nothing is
drawn, judged or enlarged here, and no prompt is parsed.
"""

from gpu_worker.provenance.record import (
    RECORD,
    BaseModelUsed,
    Delivery,
    Drawn,
    MadeBy,
    Record,
    hash_weights,
    made_by,
    read_record,
    record_of,
)
from gpu_worker.provenance.writing import write_image

__all__ = [
    "RECORD",
    "BaseModelUsed",
    "Delivery",
    "Drawn",
    "MadeBy",
    "Record",
    "hash_weights",
    "made_by",
    "read_record",
    "record_of",
    "write_image",
]
