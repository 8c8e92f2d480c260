"""What does durability cost? Jobs of five stages that do nothing, in turns with raw Celery chains of five such tasks.

Run by `python -m tests.benchmarks.pipeline [--database URL] [--jobs N] [--rounds R]`. Both sides use one Redis
(append-only file, fsync every second) and the same Celery settings: three prefork workers (cpu, train, infer) of one
child each, acks late, JSON, events on, no child ever replaced; while one side is measured the other is idle. Ours is
everything: submission through the outbox, claims, leases, heartbeats, manifests in a local folder, PostgreSQL that
waits for its disk, the sweeper. Then the same with 10,000 more jobs that wait in their queue.

A hand-off is the time from the end of one stage's work to the begin of the next one's: keep, commit, publish, receive,
claim, fetch. The goals are about idle workers, one job at a time. Last line: the JSON line; ends with 1 where a goal is
missed, after a profile of where the time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import select

from photogen_tasks import migrate
from photogen_tasks.celery import app
from photogen_tasks.db import read_scope
from photogen_tasks.models import Housekeeping
from photogen_tasks.stages import Stage
from tests import conftest
from tests.benchmarks import pipeline_profile, pipeline_raw, pipeline_servers
from tests.benchmarks.pipeline_backlog import Backlog
from tests.benchmarks.pipeline_sides import Ours, Raw, Side
from tests.benchmarks.pipeline_turns import Turns, take_turns

LEAST_RATIO = 0.4
MOST_ADDED_MS = 25.0
MOST_CHANGE = 0.2  # by the backlog
BACKLOG = 10_000
PROFILED = 20  # jobs
WARM_UP = 5  # jobs; connections open and modules load at first use


def main() -> None:
    given = _parsed()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="photogen-pipeline-")))
        environment, redis = stack.enter_context(pipeline_servers.redis_server(folder / "data"))
        groups = {"redis": [redis]}
        if not given.database:
            url, postgres = stack.enter_context(pipeline_servers.postgres_server(durable=not given.no_fsync))
            groups["postgresql"] = [postgres]
        _speak_to(environment | {"PHOTOGEN_DATABASE_URL": given.database or url})
        stack.callback(conftest.forget)  # PostgreSQL waits for us before it stops
        groups["sweeper"] = [stack.enter_context(pipeline_servers.sweeper(folder))]
        before, behind = _measure(folder, given, groups)
        print(f"the sweeper had to mend: {_mended() or 'nothing'}")
        missed = _missed(before, behind)
        if missed or given.profile:
            _profile(folder)
    print(json.dumps(_line(before, behind), separators=(",", ":")), flush=True)
    sys.exit(1 if missed else 0)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--database", default="", help="SQLAlchemy URL of an empty database; default: an own PostgreSQL"
    )
    parser.add_argument("--jobs", type=int, default=60, help="submitted at once, per side and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="jobs that wait in the second half")
    parser.add_argument("--no-fsync", action="store_true", help="an own PostgreSQL that does not wait for its disk")
    parser.add_argument("--profile", action="store_true", help="also when no goal is missed")
    return parser.parse_args()


def _speak_to(environment: dict[str, str]) -> None:
    """From here on this process and those that it starts use these servers."""
    os.environ.update(environment)
    conftest.forget()
    for each in (app, pipeline_raw.app):
        each.conf.broker_url = environment["PHOTOGEN_BROKER_URL"]
    migrate.upgrade()


def _measure(folder: Path, given: argparse.Namespace, groups: dict[str, list[int]]) -> tuple[Turns, Turns]:
    """Both phases on the same workers: without and with a backlog."""
    with pipeline_servers.workers("ours", folder) as ours, pipeline_servers.workers("raw", folder) as raw:
        sides: list[Side] = [Ours(folder / "stamps" / "ours"), Raw(folder / "stamps" / "raw")]
        groups |= {"workers ours": ours, "workers raw": raw}
        for side in sides:
            side.together(WARM_UP)
        before = take_turns(sides, given.rounds, given.jobs, groups)
        before.tell("nothing else waits")
        backlog = Backlog(given.backlog)
        behind = take_turns(sides, given.rounds, given.jobs, groups, backlog.refresh)
        behind.tell(f"{backlog.size()} other jobs wait")
        if backlog.resent():
            print(
                f"SPOILT: too slow, {backlog.resent()} of them seemed forgotten and were sent again; take fewer --jobs"
            )
    return before, behind


def _missed(before: Turns, behind: Turns) -> bool:
    """Print each goal, and whether it was reached; True when one was not."""
    added = before.idle_ms("ours", 50) - before.idle_ms("raw", 50)
    slower = 1 - behind.ratio() / before.ratio()
    later = behind.idle_ms("ours", 50) / before.idle_ms("ours", 50) - 1
    goals = {
        f"{before.ratio():.2f} of raw throughput, goal at least {LEAST_RATIO}": before.ratio() >= LEAST_RATIO,
        f"hand-off p50 {added:.1f} ms above raw, goal under {MOST_ADDED_MS:g} ms": added < MOST_ADDED_MS,
        f"throughput {slower:.0%} lower with the backlog, goal at most {MOST_CHANGE:.0%}": slower <= MOST_CHANGE,
        f"hand-off p50 {later:.0%} longer with the backlog, goal at most {MOST_CHANGE:.0%}": later <= MOST_CHANGE,
    }
    for line, reached in goals.items():
        print(f"{'reached' if reached else 'MISSED'}: {line}")
    return not all(goals.values())


def _mended() -> dict[str, int]:
    with read_scope() as session:
        return {row.action: row.count for row in session.scalars(select(Housekeeping))}


def _profile(folder: Path) -> None:
    """Once more, on workers that watch themselves."""
    watched = folder / "profile"
    watched.mkdir()
    with pipeline_servers.workers("ours", folder, **{pipeline_profile.VARIABLE: str(watched)}):
        product = Ours(folder / "stamps" / "ours")
        product.one_by_one(WARM_UP)
        before = pipeline_profile.read(watched)
        product.one_by_one(PROFILED)
    pipeline_profile.tell(pipeline_profile.read(watched) - before, PROFILED * len(Stage))


def _line(before: Turns, behind: Turns) -> dict[str, object]:
    return {
        "bench": "pipeline",
        "vs_raw": round(before.ratio(), 3),
        "handoff_p50_ms": round(before.idle_ms("ours", 50), 1),
        "handoff_p99_ms": round(before.idle_ms("ours", 99), 1),
        "raw_p50_ms": round(before.idle_ms("raw", 50), 1),
        "with_10k_vs_raw": round(behind.ratio(), 3),
    }


if __name__ == "__main__":
    main()
