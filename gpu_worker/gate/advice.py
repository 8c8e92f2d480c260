"""One sentence for the customer about the whole set. Words only."""

from collections import Counter
from collections.abc import Sequence

from gpu_worker.gate.findings import Finding
from gpu_worker.gate.photo import Verdict

NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SEVERAL = {  # what several photos have in common, by the code of each
    "near_duplicate": "nearly the same as others",
    "other_person": "of somebody else",
    "blurry": "blurred",
    "too_dark": "too dark",
    "no_face": "without a face",
    "several_people": "of several people",
}


def sentence(photos: Sequence[Verdict], findings: Sequence[Finding], wanted: int) -> str:
    """What to do next, or that nothing needs doing."""
    good = sum(photo.accepted for photo in photos)
    if any(found.code == "too_many_photos" for found in findings):
        return f"Leave out {number(len(photos) - good) if good < len(photos) else 'a few'} of your photos."
    why = _why(photos)
    if good < wanted:
        more = f"add {number(wanted - good)} good {'one' if wanted - good == 1 else 'ones'}"
        return f"{why}; {more}." if why else f"{more[0].upper()}{more[1:]}."
    alike = [found.code.removeprefix("same_") for found in findings if found.code.startswith("same_")]
    if alike:
        lack = f"add two with another {' and '.join(alike[:2])}"
        return f"{why}; {lack}." if why else f"Your photos are much alike: {lack}."
    return f"{why}; the other {number(good)} are fine." if why else "Your photos are good to go."


def number(count: int) -> str:
    """As a word up to twelve."""
    return NUMBERS[count] if 0 <= count < len(NUMBERS) else str(count)


def _why(photos: Sequence[Verdict]) -> str:
    """The most frequent reason of refusal with its count, as the start of a sentence; empty when none was refused."""
    codes = Counter(next(f.code for f in photo.findings if f.hard) for photo in photos if not photo.accepted)
    if not codes:
        return ""
    code, count = codes.most_common(1)[0]
    told = SEVERAL.get(code, "not usable")
    return f"{number(count)} of your {number(len(photos))} photos {'is' if count == 1 else 'are'} {told}".capitalize()
