"""What the four runs amount to: targets met or missed, and the summary in one line. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.chaos.runs import Run
from tests.chaos.work import CHECKPOINT_EVERY

SLOWER = 5.0  # p95 under all faults, against none
REPEATED = 0.03  # of the train steps, beside one checkpoint interval for each fault


@dataclass(frozen=True)
class Outcome:
    """All runs of one seed."""

    seed: int
    unguarded: Run
    matrix: Run
    kills: Run
    free: Run
    everything: Run

    @property
    def p95_ratio(self) -> float:
        return self.everything.finding.p95 / self.free.finding.p95 if self.free.finding.p95 else 0.0

    @property
    def oracle_fails(self) -> bool:
        return oracle_fails(self.unguarded)

    def missed(self) -> list[str]:
        """Every target that was not met."""
        found = [] if self.oracle_fails else ["F-0: the checker saw nothing wrong without the guard"]
        found += missed_matrix(self.matrix)
        found += missed_run("F-2", self.kills) + missed_run("no fault", self.free) + missed_run("F-3", self.everything)
        if self.p95_ratio > SLOWER:
            found.append(f"F-3: p95 is {self.p95_ratio:.1f} times that without faults")
        return found

    def summary(self) -> dict[str, Any]:
        guarded = (self.matrix, self.kills, self.everything)
        steps = sum(run.finding.steps for run in (self.kills, self.everything))
        ideal = sum(run.finding.ideal_steps for run in (self.kills, self.everything))
        return {
            "chaos": "failed" if self.missed() else "ok",
            "jobs": sum(run.finding.jobs for run in guarded),
            "faults": sum(run.faults for run in guarded),
            "lost": sum(run.finding.lost for run in guarded),
            "twice": sum(run.finding.twice for run in guarded),
            "repeated_steps": round(max(0.0, steps / ideal - 1), 4) if ideal else 0.0,
            "p95_ratio": round(self.p95_ratio, 2),
            "oracle_fails_without_guard": self.oracle_fails,
            "failpoints": f"{self.matrix.reached}/{self.matrix.cells}",
            "seed": self.seed,
        }


def summary_of(run: Run) -> dict[str, Any]:
    """One run's counts; faults by kind, with what S3's proxy answered wrongly beside them."""
    finding = run.finding
    return {
        "jobs": finding.jobs,
        "faults": run.faults,
        "faults_by_kind": dict(run.struck),
        "s3_lies": run.lies,
        "lost": finding.lost,
        "twice": finding.twice,
        "violations": len(finding.violations),
        "repeated_steps": round(finding.repeated_steps, 4),
        "p95_seconds": round(finding.p95, 1),
        "seconds": round(run.seconds),
    }


def oracle_fails(run: Run) -> bool:
    """A checker that cannot fail proves nothing: without the guard it must see jobs lost and stages committed twice."""
    return run.finding.lost > 0 and run.finding.twice > 0


def missed_matrix(run: Run) -> list[str]:
    """Failpoints that nobody reached, or whose job did not come to its end as it should."""
    unreached = [f"F-1: nobody reached {name}" for name in run.missed]
    return unreached + [f"F-1: {line}" for line in run.finding.violations]


def missed_run(name: str, run: Run) -> list[str]:
    """What is wrong with one of the large runs."""
    found = [f"{name}: {line}" for line in run.finding.violations]
    bound = REPEATED * run.finding.ideal_steps + CHECKPOINT_EVERY * run.faults
    if run.finding.steps - run.finding.ideal_steps > bound:
        found.append(f"{name}: {run.finding.steps} train steps for {run.finding.ideal_steps}")
    return found


def told(run: Run) -> str:
    """One run for people."""
    finding = run.finding
    cells = f", {run.reached}/{run.cells} failpoints" if run.cells else ""
    return (
        f"{finding.jobs} jobs, {run.faults} faults{cells}, {finding.lost} lost, {finding.twice} twice, "
        f"{finding.repeated_steps:.1%} steps repeated, p95 {finding.p95:.1f} s, {len(finding.violations)} violations"
    )
