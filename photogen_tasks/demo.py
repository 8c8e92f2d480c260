"""`photogen demo`: a sample customer's photos through the whole chain, over HTTP, and what came out. Main road only."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from photogen_tasks import watching
from photogen_tasks.client import Client
from photogen_tasks.config import child_environment
from photogen_tasks.errors import FatalError, PhotogenError, UsageError
from photogen_tasks.stages import JobKind, Status

CUSTOMER = "ruby"
STYLE = "demo"
SEED = 7
UP = "Photogen is up."
MARK = "demo.txt"
TAIL = 25  # lines of the stack's log that are shown when something fails


def run(folder: Path, console: Console) -> int:
    """Run the demo in a folder of its own; the exit code. Ends with one line of JSON when all went well."""
    try:
        _empty(folder)
        with _stopped_by_signals():
            print(json.dumps(_demo(folder, console)))  # noqa: T201 - what a script reads
    except KeyboardInterrupt:
        console.print("[yellow]stopped[/]; nothing is left running")
        return 130
    except PhotogenError as error:
        console.print(f"[red]demo failed[/] ({error.code}): {error.sentence}")
        return 1
    return 0


def _empty(folder: Path) -> None:
    """Make the folder anew. Raises UsageError when it holds something that no demo left there."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError("folder_in_use", f"{folder} holds other things; name an empty folder or a new one.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Made by `photogen demo`, which empties this folder when it starts.\n")


def _demo(folder: Path, console: Console) -> dict[str, Any]:
    customer = sample_customers() / CUSTOMER
    attributes = json.loads((customer / "attributes.json").read_text())
    photos = sorted(customer.glob("*.jpg"))
    console.print(f"Starting the stack: Redis, API, workers, sweeper (its log: {folder / 'stack.log'}) …")
    with _stack(folder, console) as (url, key), Client(url, key) as client:
        console.print(f"Sending {len(photos)} photos of {CUSTOMER}, a computer-drawn customer, to {url}")
        job = client.submit(
            kind=JobKind.PORTRAIT,
            photos=client.upload(photos),
            class_noun=attributes["class_noun"],
            style=STYLE,
            seed=SEED,
        )
        job = watching.show(client.watch(job["id"]), console)
        console.print(watching.table(job))
        if job["status"] != Status.SUCCEEDED:
            error = job.get("error") or {}
            raise FatalError(error.get("code", "job_failed"), error.get("sentence", f"The job is {job['status']}."))
        images = client.download(job["id"], folder / "images")
    console.print("Drawing the same prompts without the subject's weights, to compare …")
    verdict = _compare(folder, customer, attributes)
    console.print(_told(verdict))
    console.print(f"photos in, images out: {folder / 'contact-sheet.jpg'}")
    seconds = {stage["name"]: round(stage["seconds"], 1) for stage in job["stages"]}
    return {"demo": "ok", "images": len(images), "seconds": seconds, **verdict}


def _told(verdict: dict[str, float]) -> str:
    return (
        f"hair, skin and beard as the customer's: {verdict['subject_match']:.0%} with the subject's weights, "
        f"{verdict['base_match']:.0%} without"
    )


def sample_customers() -> Path:
    """The drawn customers that ship with gpu_worker."""
    found = find_spec("gpu_worker")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "base_models" / "pocket" / "people" / "samples"


@contextmanager
def _stack(folder: Path, console: Console) -> Iterator[tuple[str, str]]:
    """`photogen up` on free ports with its data in the folder; the API's URL and the key of the tenant `local`."""
    ports = free_ports("API_PORT", "FLOWER_PORT", "METRICS_PORT", "REDIS_PORT")
    url = f"http://127.0.0.1:{ports['PHOTOGEN_API_PORT']}"
    environment = child_environment(
        PHOTOGEN_DATA_DIR=str(folder / "data"),
        PHOTOGEN_PUBLIC_URL=url,
        PHOTOGEN_HOST="127.0.0.1",
        PHOTOGEN_TIED="true",
        **ports,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "photogen_tasks.cli", "up"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    log = folder / "stack.log"
    try:
        _wait_until_up(process, log, console)
        yield url, (folder / "data" / "key").read_text()
    except PhotogenError:
        console.print("\n".join(log.read_text().splitlines()[-TAIL:]), markup=False)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_until_up(process: subprocess.Popen[str], log: Path, console: Console) -> None:
    """Copy the stack's lines into its log, and return at the one that says it is up."""
    up = threading.Event()

    def copy() -> None:
        assert process.stdout is not None
        with log.open("w") as file:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if line.startswith(UP):
                    up.set()
        up.set()

    threading.Thread(target=copy, daemon=True).start()
    with console.status("starting"):
        up.wait()
    if process.poll() is not None or UP not in log.read_text():
        raise FatalError("not_up", "The stack did not start; its last lines are above.")


def free_ports(*names: str) -> dict[str, str]:
    """A free loopback port for each name, all different."""
    probes = [socket.socket() for _ in names]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {f"PHOTOGEN_{name}": str(probe.getsockname()[1]) for name, probe in zip(names, probes, strict=True)}
    finally:
        for probe in probes:
            probe.close()


def _compare(folder: Path, customer: Path, attributes: dict[str, Any]) -> dict[str, float]:
    """Base model's images for the same prompts and seeds, both judged by the attribute scorer; the contact sheet."""
    settings = {"style": STYLE, "seed": SEED, "class_noun": attributes["class_noun"]}
    flags = [flag for name, value in settings.items() for flag in ("--set", f"{name}={value}")]
    (folder / "nothing").mkdir()
    _python("gpu_worker", "generate", str(folder / "nothing"), str(folder / "base"), *flags)
    wanted = str(customer / "attributes.json")
    subject = json.loads(_python("gpu_worker.subject_match", str(folder / "images"), wanted))
    base = json.loads(_python("gpu_worker.subject_match", str(folder / "base"), wanted))
    sheet = str(folder / "contact-sheet.jpg")
    _python("gpu_worker.contact_sheet", sheet, str(customer), str(folder / "images"), str(folder / "base"))
    return {"subject_match": subject["subject_match"], "base_match": base["subject_match"]}


def _python(module: str, *arguments: str) -> str:
    """Run a module of gpu_worker as its own program; the last line it printed. Raises FatalError."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FatalError("comparison_failed", f"{module} ended with {done.returncode}: {done.stderr[-800:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, through every `finally`."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
