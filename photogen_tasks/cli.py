"""The console script `photogen`: thin commands; each imports what it needs, so that `--help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from photogen_tasks.config import settings
from photogen_tasks.errors import PhotogenError, UsageError
from photogen_tasks.stages import JobKind, Role

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Selfies in, realistic photos out.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys.")
app.add_typer(keys_app, name="keys")
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"}

Url = Annotated[str, typer.Option(envvar="PHOTOGEN_URL", help="Where the API is.")]
Key = Annotated[str, typer.Option(envvar="PHOTOGEN_API_KEY", help="Default: the local tenant's, beside the data.")]


def _console() -> Console:
    return Console(highlight=False)


@app.command()
def up() -> None:
    """Run everything on this machine, until Ctrl-C."""
    from photogen_tasks import local, log

    log.setup()
    local.up()


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its things.")] = Path("photogen-demo"),
) -> None:
    """Send a sample customer's photos through the whole chain and show what came out."""
    from photogen_tasks import demo as module

    raise typer.Exit(module.run(folder, _console()))


Photos = Annotated[Path, typer.Argument(help="A folder of photos of one person.", exists=True, file_okay=False)]


@app.command()
def inspect(photos: Photos, url: Url = "", key: Key = "") -> None:
    """Say what each photo is good for, before anything is spent. Exit code 1 when one is refused."""
    files = _photo_files(photos)
    with _client(url, key) as client:
        found = client.inspect(client.upload(files))
    _console().print(_verdicts(found))
    raise typer.Exit(int(any(photo["verdict"] == "refused" for photo in found)))


def _verdicts(photos: list[dict[str, Any]]) -> Table:
    table = Table("photo", "verdict", "what and why")
    for photo in photos:
        told = "\n".join(f"{finding['sentence']} {finding['advice']}" for finding in photo["findings"])
        table.add_row(photo["filename"], photo["verdict"] or "not judged yet", told)
    return table


@app.command("photos")
def photos_command(job: str, url: Url = "", key: Key = "") -> None:
    """Show what the gate says of a job's photos, and where their sheet is."""
    with _client(url, key) as client:
        found = client.photos(job)
    console = _console()
    console.print(_verdicts(found["photos"]))
    if found["set"]:
        console.print(f"{found['set']['verdict']}: {found['set']['advice']}")
    if found["sheet"]:
        console.print(f"All of them as a picture: {found['sheet']}", soft_wrap=True)


@app.command()
def submit(
    photos: Photos,
    style: str = "demo",
    class_noun: Annotated[str, typer.Option(help="man, woman or person")] = "person",
    num_images_per_prompt: int = 1,
    seed: int = 0,
    few_photos: Annotated[bool, typer.Option("--few-photos", help="One good photo is enough.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress and save the images.")] = False,
    out: Annotated[Path, typer.Option(help="Where --watch saves the images.")] = Path("photogen-images"),
    url: Url = "",
    key: Key = "",
) -> None:
    """Upload photos and submit a job."""
    from photogen_tasks import watching

    files = _photo_files(photos)
    with _client(url, key) as client:
        body: dict[str, Any] = {
            "kind": JobKind.PORTRAIT,
            "style": style,
            "class_noun": class_noun,
            "seed": seed,
            "few_photos": few_photos,
        }
        job = client.submit(photos=client.upload(files), num_images_per_prompt=num_images_per_prompt, **body)
        print(job["id"])  # noqa: T201 - what a script reads
        if not watch:
            return
        console = _console()
        job = watching.show(client.watch(job["id"]), console)
        console.print(watching.table(job))
        _tell_end(client, job, out / job["id"], console)


def _photo_files(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES)
    if not files:
        raise UsageError("no_photos", f"{folder} holds no JPEG, PNG, WebP or HEIC file.")
    return files


def _tell_end(client: Any, job: dict[str, Any], out: Path, console: Console) -> None:
    if job["status"] != "succeeded":
        error = job.get("error") or {}
        console.print(f"[red]{job['status']}[/]: {error.get('sentence', '')}")
        raise typer.Exit(1)
    paths = client.download(job["id"], out)
    console.print(f"{len(paths)} images in {out}")


@app.command()
def jobs(limit: int = 20, url: Url = "", key: Key = "") -> None:
    """List the newest jobs."""
    table = Table("job", "kind", "status", "progress", "created")
    with _client(url, key) as client:
        for job in client.jobs(limit=limit):
            table.add_row(job["id"], job["kind"], job["status"], f"{job['progress']:.0%}", job["created_at"])
    _console().print(table)


@app.command()
def show(job: str, url: Url = "", key: Key = "") -> None:
    """Show one job: its stages, and why it failed if it did."""
    from photogen_tasks import watching

    with _client(url, key) as client:
        found = client.job(job)
    console = _console()
    console.print(watching.table(found))
    if error := found.get("error"):
        console.print(f"[red]{error['code']}[/]: {error['sentence']}")


@app.command()
def cancel(job: str, url: Url = "", key: Key = "") -> None:
    """Ask a job to stop."""
    with _client(url, key) as client:
        _console().print(client.cancel(job)["status"])


@app.command()
def worker(
    role: Role,
    gpu: Annotated[str, typer.Option(help="The GPU to pin to, as CUDA numbers it.")] = "",
    name: Annotated[str, typer.Option(help="Needed when a machine runs several of one role.")] = "",
) -> None:
    """Run one worker of a role."""
    from photogen_tasks import worker as module

    module.start(role, gpu, name)


@app.command(hidden=True)
def redis() -> None:
    """Run the embedded Redis."""
    import os

    from photogen_tasks import local

    command = local.redis_command(settings())
    os.execv(command[0], command)  # noqa: S606 - no shell, our own command


@app.command()
def sweeper() -> None:
    """Run the sweeper: what was lost is sent again."""
    from photogen_tasks import log
    from photogen_tasks import sweeper as module

    log.setup()
    module.run()


@app.command()
def beat() -> None:
    """Run beat: housekeeping once an hour."""
    from photogen_tasks.celery import app as celery_app

    schedule = settings().data_dir / "beat"
    schedule.mkdir(parents=True, exist_ok=True)
    celery_app.start(["beat", "--loglevel", "WARNING", "--schedule", str(schedule / "schedule"), "--pidfile="])


@app.command()
def api() -> None:
    """Run the HTTP API."""
    import uvicorn

    from photogen_tasks import log

    log.setup()
    uvicorn.run("api.main:app", host=settings().host, port=settings().api_port, log_config=None, server_header=False)


@app.command()
def flower() -> None:
    """Run Flower."""
    _run_module("monitoring.flower")


@app.command()
def exporter() -> None:
    """Run the metrics exporter."""
    _run_module("monitoring.exporter")


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version's tables."""
    from photogen_tasks import migrate

    migrate.upgrade()


@keys_app.command("create")
def keys_create(tenant: str, name: Annotated[str, typer.Option(help="To recognise the key by.")] = "") -> None:
    """Make an API key for a tenant (made if new). It is shown once."""
    from photogen_tasks import db, keys

    with db.session_scope() as session:
        print(keys.create(session, tenant, name))  # noqa: T201 - shown once


@keys_app.command("list")
def keys_list() -> None:
    """List all keys by their first letters."""
    from photogen_tasks import db, keys

    table = Table("tenant", "name", "key", "state")
    with db.read_scope() as session:
        for tenant, key in keys.listing(session):
            table.add_row(tenant, key.name, f"{key.prefix}…", "revoked" if key.revoked_at else "active")
    _console().print(table)


@keys_app.command("revoke")
def keys_revoke(prefix: str) -> None:
    """Refuse a key from now on, by its first letters as `list` shows them."""
    from photogen_tasks import db, keys

    with db.session_scope() as session:
        count = keys.revoke(session, prefix.rstrip("…"))
    if not count:
        raise UsageError("no_such_key", f"No active key starts with {prefix}.")


def _run_module(name: str) -> None:
    """Run another room as its own program: by name, since imports run one way."""
    import runpy

    sys.argv = [name]
    runpy.run_module(name, run_name="__main__")


def _client(url: str, key: str) -> Any:
    from photogen_tasks.client import Client

    file = settings().data_dir / "key"
    key = key or (file.read_text().strip() if file.exists() else "")
    if not key:
        raise UsageError("no_key", "No API key: start `photogen up` here, or set PHOTOGEN_API_KEY.")
    return Client(url or settings().public_url, key)


def main() -> None:
    """Entry point: what a person can mend is one sentence, not a traceback."""
    import httpx

    if settings().tied:
        from photogen_tasks.processes import die_with_parent

        die_with_parent()
    try:
        app()
    except PhotogenError as error:
        Console(stderr=True, highlight=False).print(f"[red]error[/]: {error.sentence}")
        sys.exit(1)
    except httpx.TransportError as error:
        Console(stderr=True, highlight=False).print(f"[red]error[/]: the API cannot be reached ({error}).")
        sys.exit(1)


if __name__ == "__main__":
    main()
