"""The invariants, from PostgreSQL's audit, rows, objects in S3 and the effects log; never from what a program printed.

I1 every accepted job ends well, I2 each stage commits once, I3 no training after a committed one, I4 only the holder of
the newest fence writes, I5 what a row names lies whole in S3 and nothing else is shown, I6 bytes equal an undisturbed
run's, and one event per outcome. What is left behind (I9) and erased (I10) is asked for in place.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row

from photogen_tasks.manifests import NAME, Manifest
from photogen_tasks.stages import Stage
from tests.chaos import audit, expected, work
from tests.chaos.audit import Change
from tests.chaos.load import Order
from tests.chaos.world import PREFIX, World

Rows = list[dict[str, Any]]
# A stage's changes of status, and by how much its fence may grow with each.
ALLOWED = {
    ("pending", "running"): 1,
    ("running", "succeeded"): 0,
    ("running", "pending"): 0,
    ("running", "failed"): 0,
    ("running", "cancelled"): 0,
    ("pending", "failed"): 0,
    ("pending", "cancelled"): 0,
}


@dataclass
class Finding:
    """What the checker saw. `violations` empty: every invariant holds."""

    jobs: int = 0
    lost: int = 0
    twice: int = 0
    steps: int = 0
    ideal_steps: int = 0
    latencies: list[float] = field(default_factory=list)
    losses: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def repeated_steps(self) -> float:
        """Train steps computed more than once, as a share of what one run of each training needs."""
        return max(0.0, self.steps / self.ideal_steps - 1) if self.ideal_steps else 0.0

    @property
    def p95(self) -> float:
        """Seconds from submission to end, on the database's clock, that 95 % of the jobs stayed below."""
        ordered = sorted(self.latencies)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0.0


def check(world: World, orders: dict[str, Order], status: str = "succeeded") -> Finding:
    """Look at these jobs, all of which should have ended with this status, and say everything that is wrong."""
    with world.postgres.connect() as connection:
        changes = [change for change in audit.read(connection) if change.job in orders]
        cursor = connection.cursor(row_factory=dict_row)
        jobs = [row for row in cursor.execute("select * from jobs").fetchall() if row["id"] in orders]
        stages = [row for row in cursor.execute("select * from stages").fetchall() if row["job_id"] in orders]
        events = cursor.execute("select * from outbox where kind = 'event'").fetchall()
        images = [row for row in cursor.execute("select * from images").fetchall() if row["job_id"] in orders]
    finding = Finding(jobs=len(orders))
    _ended(finding, orders, jobs, status)
    _one_event(finding, jobs, events)
    _history(finding, changes)
    _trainings(finding, world, orders, changes)
    _kept(finding, world, stages, jobs, orders)
    _shown(finding, jobs, stages, images)
    finding.losses = sum(int(row["losses"]) for row in stages)
    world.kept = world.kept or bool(finding.violations)
    return finding


def _ended(finding: Finding, orders: dict[str, Order], jobs: Rows, status: str) -> None:
    by_id = {row["id"]: row for row in jobs}
    for job_id in orders:
        row = by_id.get(job_id)
        if row is None or row["status"] != status:
            finding.lost += 1
            why = "gone" if row is None else f"{row['status']} ({row['error_code']}: {row['error']})"
            finding.violations.append(f"I1 job {job_id} is {why}")
        elif row["ended_at"] is not None:
            finding.latencies.append(row["ended_at"] - row["created_at"])


def _one_event(finding: Finding, jobs: Rows, events: Rows) -> None:
    by_job = defaultdict(list)
    for row in events:
        by_job[row["job_id"]].append(row["payload"]["type"])
    for job in jobs:
        over = job["status"] in ("succeeded", "failed", "cancelled")
        wanted = [f"job.{job['status']}"] if over else []
        if by_job[job["id"]] != wanted:
            finding.violations.append(f"one event: job {job['id']} is {job['status']}, told {by_job[job['id']]}")


def _history(finding: Finding, changes: list[Change]) -> None:
    commits = Counter((change.job, change.stage) for change in changes if change.stage and change.now == "succeeded")
    for (job, stage), count in commits.items():
        if count > 1:
            finding.twice += count - 1
            finding.violations.append(f"I2 {stage} of {job} committed {count} times")
    for change in changes:
        if not change.stage:
            continue
        grew = (change.fence or 0) - (change.old_fence or 0)
        if ALLOWED.get((change.was, change.now)) != grew:
            step = f"{change.was} (fence {change.old_fence}) to {change.now} (fence {change.fence})"
            finding.violations.append(f"I4 {change.stage} of {change.job} went from {step}")


def _trainings(finding: Finding, world: World, orders: dict[str, Order], changes: list[Change]) -> None:
    committed = {
        change.job: change.fence or 0 for change in changes if change.stage == Stage.TRAIN and change.now == "succeeded"
    }
    for effect in world.effects.read():
        if effect["job"] not in orders or effect["stage"] != Stage.TRAIN:
            continue
        finding.steps += effect["what"] == "step"
        if effect["what"] == "begun" and effect["fence"] > committed.get(effect["job"], effect["fence"]):
            finding.violations.append(f"I3 a training of {effect['job']} began after one was committed")
    finding.ideal_steps = work.TRAIN_STEPS * len(committed)


def _kept(finding: Finding, world: World, stages: Rows, jobs: Rows, orders: dict[str, Order]) -> None:
    deleted = {row["id"] for row in jobs if row["deleted_at"] is not None}
    committed = [row for row in stages if row["status"] == "succeeded" and row["job_id"] not in deleted]
    manifests = world.s3.read_all([f"{PREFIX}/{row['manifest_key']}" for row in committed])
    digests = world.s3.digests(f"{PREFIX}/")
    wanted = {job_id: expected.outputs(order.photos, order.seed) for job_id, order in orders.items()}
    for row in committed:
        data = manifests[f"{PREFIX}/{row['manifest_key']}"]
        finding.violations += _output(row, data, digests, wanted[row["job_id"]][Stage(row["name"])])


def _output(
    row: dict[str, Any], data: bytes | None, digests: dict[str, str], wanted: dict[str, bytes]
) -> Iterator[str]:
    """I5 and I6 of one committed stage: its manifest's bytes, and the MD5 of every object in S3, by key."""
    what = f"{row['name']} of {row['job_id']}"
    if data is None or hashlib.sha256(data).hexdigest() != row["manifest_sha256"]:
        yield f"I5 manifest of {what} is {'absent' if data is None else 'another'}"
        return
    files = Manifest.model_validate_json(data).files
    if {file.name: file.sha256 for file in files} != {name: _sha256(told) for name, told in wanted.items()}:
        yield f"I6 {what} differs from an undisturbed run"
        return
    for file in files:
        found = digests.get(f"{PREFIX}/{file.key(row['manifest_key'].removesuffix(NAME))}")
        if found != hashlib.md5(wanted[file.name]).hexdigest():
            yield f"I5 {file.name} of {what} is {'absent' if found is None else 'damaged'}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shown(finding: Finding, jobs: Rows, stages: Rows, images: Rows) -> None:
    """I5, the other half: images are shown of succeeded jobs alone, and lie under the committed fence."""
    manifest = {row["job_id"]: row["manifest_key"] for row in stages if row["name"] == Stage.UPSCALE}
    by_job: dict[str, Rows] = defaultdict(list)
    for image in images:
        by_job[image["job_id"]].append(image)
    for job in jobs:
        found = by_job[job["id"]]
        wanted = work.IMAGES if job["status"] == "succeeded" and job["deleted_at"] is None else 0
        under = (manifest.get(job["id"]) or "").removesuffix(NAME)
        if len(found) != wanted or any(not image["key"].startswith(under) for image in found):
            finding.violations.append(f"I5 job {job['id']} ({job['status']}) shows {len(found)} images")


def orphans(world: World) -> list[str]:
    """I9: keys of stage outputs, weights and checkpoints that no row names."""
    with world.postgres.connect() as connection:
        rows = connection.execute("select manifest_key from stages where manifest_key is not null").fetchall()
    named = tuple(f"{PREFIX}/{str(row[0]).removesuffix(NAME)}" for row in rows)
    keys = world.s3.keys(f"{PREFIX}/tenants/")
    return [key for key in keys if "/photos/" not in key and not key.startswith(named)]


def left_of(world: World, job_id: str) -> list[str]:
    """I10: keys that still lie below a job's prefix."""
    return [key for key in world.s3.keys(f"{PREFIX}/") if job_id in key]
