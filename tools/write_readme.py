"""Fills the README's map and settings table from the code: each module's first line, each setting's default."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "photogen_tasks": "orchestration; light, never imports torch",
    "gpu_worker": "pixels and tensors; files in, files out",
    "api": "speaks HTTP",
    "monitoring": "only watches",
    "tests": "mirrors the tree",
    "tools": "for those who build Photogen",
}


def map_of_the_tree() -> str:
    """One line a file of ours, by room, from its module docstring; Markdown."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = []
    for room, what in ROOMS.items():
        lines.append(f"<details><summary><code>{room}/</code> {what}</summary>\n")
        files = [name for name in listed.stdout.split() if name.startswith(f"{room}/") and (ROOT / name).exists()]
        lines += [f"- `{name}` {sentence}" for name in files if (sentence := _first_line(ROOT / name))]
        lines.append("\n</details>")
    return "\n".join(lines)


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def table_of_settings() -> str:
    """Every setting with its default and what it means; Markdown."""
    from photogen_tasks.config import Settings

    rows = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
        shown = f"`{shown}`" if shown not in ("", None) else ""
        rows.append(f"| `PHOTOGEN_{name.upper()}` | {shown} | {field.description or ''} |")
    return "\n".join(rows)


def filled(text: str) -> str:
    """The README with both parts anew."""
    for name, part in (("settings", table_of_settings()), ("map", map_of_the_tree())):
        whole = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.S)
        text = whole.sub(lambda _, name=name, part=part: f"<!-- {name} -->\n\n{part}\n\n<!-- /{name} -->", text)
    return text


if __name__ == "__main__":
    readme = ROOT / "README.md"
    if "--check" in sys.argv:
        sys.exit(readme.read_text() != filled(readme.read_text()))
    readme.write_text(filled(readme.read_text()))
