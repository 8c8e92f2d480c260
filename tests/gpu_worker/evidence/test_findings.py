"""Evidence as plain data, and how many images were accepted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.evidence.findings import REASONS, SCORES, Evidence, delivery

HARD = [code for code, (hard, _) in REASONS.items() if hard]
evidence = st.lists(st.sampled_from(list(REASONS)), unique=True).map(lambda codes: Evidence({}, tuple(codes)))


@given(st.lists(evidence, max_size=30), st.integers(1, 20))
def test_every_image_counts_once(judged: list[Evidence], wanted: int) -> None:
    told = delivery(wanted, judged)
    accepted = sum(one.accepted for one in judged)
    assert told["wanted"] == wanted
    assert told["drawn"] == len(judged) == accepted + sum(told["rejected"].values())
    assert told["accepted"] == min(wanted, accepted)
    assert set(told["rejected"]) <= set(HARD)


@given(evidence)
def test_a_verdict_follows_from_the_hard_reasons(one: Evidence) -> None:
    told = one.told()
    assert (told["verdict"] == "rejected") == any(reason["hard"] for reason in told["reasons"])
    assert {reason["code"] for reason in told["reasons"]} == set(one.codes)
    assert set(told["scores"]) == set(SCORES)
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("codes", "worst"),
    [((), None), (("maybe_unsafe",), None), (("blurry", "unlike"), "unlike"), (("off_prompt", "unsafe"), "unsafe")],
)
def test_the_worst_reason_counts(codes: tuple[str, ...], worst: str | None) -> None:
    assert Evidence({}, codes).rejected_for == worst
