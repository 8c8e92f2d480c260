"""The commands that have images drawn: `photogen submit`, and `photogen styles` to choose from. Thin; see client."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from photogen_tasks import terminal
from photogen_tasks.stages import JobKind
from photogen_tasks.terminal import Key, Photos, Url

if TYPE_CHECKING:
    from photogen_tasks.client import Client

OPEN = "Default: the style's."


def submit(
    photos: Photos,
    style: Annotated[str, typer.Option(help="See `photogen styles`.")] = "demo",
    prompts: Annotated[
        list[str] | None, typer.Option("--prompt", help="Instead of the style's; {token} is the person. Repeatable.")
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(help=f"What images should not show. {OPEN}")] = None,
    class_noun: Annotated[str, typer.Option(help="man, woman or person")] = "person",
    num_images_per_prompt: int = 1,
    sampler: Annotated[str | None, typer.Option(help=f"As `dpm++ 2m karras`. {OPEN}")] = None,
    num_inference_steps: Annotated[int | None, typer.Option(help=OPEN)] = None,
    guidance_scale: Annotated[float | None, typer.Option(help=OPEN)] = None,
    width: Annotated[int | None, typer.Option(help="In px, a multiple of 8.")] = None,
    height: Annotated[int | None, typer.Option(help="In px, a multiple of 8.")] = None,
    hires: Annotated[bool, typer.Option("--hires", help="Draw in two passes, the second larger.")] = False,
    face_pass: Annotated[bool, typer.Option("--face-pass", help="Draw each face once more, larger.")] = False,
    seed: int = 0,
    few_photos: Annotated[bool, typer.Option("--few-photos", help="One good photo is enough.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress and save the images.")] = False,
    out: Annotated[Path, typer.Option(help="Where --watch saves the images.")] = Path("photogen-images"),
    url: Url = "",
    key: Key = "",
) -> None:
    """Upload photos and submit a job."""
    chosen = {
        "style": style,
        "prompts": prompts or [],
        "negative_prompt": negative_prompt,
        "class_noun": class_noun,
        "num_images_per_prompt": num_images_per_prompt,
        "sampler": sampler,
        "num_inference_steps": num_inference_steps,
        "guidance_scale": guidance_scale,
        "width": width,
        "height": height,
        "hires": hires,
        "face_pass": face_pass,
        "seed": seed,
        "few_photos": few_photos,
    }
    files = terminal.photo_files(photos)
    with terminal.client(url, key) as client:
        job = client.submit(kind=JobKind.PORTRAIT, photos=client.upload(files), **chosen)
        print(job["id"])  # noqa: T201 - what a script reads
        if watch:
            _watch(client, job["id"], out / job["id"])


def _watch(client: Client, job_id: str, out: Path) -> None:
    from photogen_tasks import watching

    console = terminal.console()
    job = watching.show(client.watch(job_id), console)
    console.print(watching.table(job))
    if job["status"] != "succeeded":
        error = job.get("error") or {}
        console.print(f"[red]{job['status']}[/]: {error.get('sentence', '')}")
        raise typer.Exit(1)
    console.print(f"{len(client.download(job_id, out))} images in {out}")


def styles(
    name: Annotated[str, typer.Argument(help="Of one style, to see its prompts.")] = "", url: Url = "", key: Key = ""
) -> None:
    """List the styles, or show one with its prompts."""
    with terminal.client(url, key) as client:
        if name:
            _show(client.style(name))
        else:
            _list(client.styles())


def _list(found: list[dict[str, Any]]) -> None:
    table = Table("style", "title", "category", "prompts", "what it is")
    for style in sorted(found, key=lambda style: (style["category"], style["name"])):
        table.add_row(style["name"], style["title"], style["category"], str(style["prompts"]), style["description"])
    terminal.console().print(table)


def _show(style: dict[str, Any]) -> None:
    console = terminal.console()
    console.print(f"[bold]{style['title']}[/]: {style['description']}")
    for text in style["texts"]:  # square brackets are the prompt's own
        console.print(f"· {text['prompt']}", markup=False)
    if style["negative_prompt"]:
        console.print(f"not: {style['negative_prompt']}", markup=False)
    told = ("sampler", "num_inference_steps", "guidance_scale", "width", "height", "seeds", "preview")
    console.print(", ".join(f"{name} {style[name]}" for name in told if style[name] is not None))
