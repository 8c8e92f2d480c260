"""What the drawn people look like depends on the code that draws them: a hash of it, without comments and layout."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from gpu_worker.base_models.pocket import people


@cache
def drawn_by() -> str:
    """Of all code and shaders in people/; results of people who were drawn otherwise are another benchmark's."""
    folder = Path(people.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".glsl", ".vert", ".frag")):
        text = path.read_text()
        told = ast.dump(ast.parse(text)) if path.suffix == ".py" else text
        digest.update(f"{path.relative_to(folder)} {told}".encode())
    return digest.hexdigest()[:8]
