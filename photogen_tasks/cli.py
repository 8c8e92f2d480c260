"""The console script `photogen`: thin commands; each imports what it needs, so that `--help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from photogen_tasks import cli_drawing, cli_keys, terminal
from photogen_tasks.config import settings
from photogen_tasks.errors import PhotogenError
from photogen_tasks.stages import Role
from photogen_tasks.terminal import Key, Photos, Url

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Selfies in, realistic photos out.")
app.add_typer(cli_keys.app, name="keys")


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

    raise typer.Exit(module.run(folder, terminal.console()))


@app.command()
def inspect(photos: Photos, url: Url = "", key: Key = "") -> None:
    """Say what each photo is good for, before anything is spent. Exit code 1 when one is refused."""
    files = terminal.photo_files(photos)
    with terminal.client(url, key) as client:
        found = client.inspect(client.upload(files))
    terminal.console().print(_verdicts(found))
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
    with terminal.client(url, key) as client:
        found = client.photos(job)
    console = terminal.console()
    console.print(_verdicts(found["photos"]))
    if found["set"]:
        console.print(f"{found['set']['verdict']}: {found['set']['advice']}")
    if found["sheet"]:
        console.print(f"All of them as a picture: {found['sheet']}", soft_wrap=True)


app.command()(cli_drawing.submit)
app.command()(cli_drawing.styles)


@app.command()
def jobs(limit: int = 20, url: Url = "", key: Key = "") -> None:
    """List the newest jobs."""
    table = Table("job", "kind", "status", "progress", "created")
    with terminal.client(url, key) as client:
        for job in client.jobs(limit=limit):
            table.add_row(job["id"], job["kind"], job["status"], f"{job['progress']:.0%}", job["created_at"])
    terminal.console().print(table)


@app.command()
def show(job: str, url: Url = "", key: Key = "") -> None:
    """Show one job: its stages, and why it failed if it did."""
    from photogen_tasks import watching

    with terminal.client(url, key) as client:
        found = client.job(job)
    console = terminal.console()
    console.print(watching.table(found))
    if error := found.get("error"):
        console.print(f"[red]{error['code']}[/]: {error['sentence']}")


@app.command()
def cancel(job: str, url: Url = "", key: Key = "") -> None:
    """Ask a job to stop."""
    with terminal.client(url, key) as client:
        terminal.console().print(client.cancel(job)["status"])


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


def _run_module(name: str) -> None:
    """Run another room as its own program: by name, since imports run one way."""
    import runpy

    sys.argv = [name]
    runpy.run_module(name, run_name="__main__")


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
