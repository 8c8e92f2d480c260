"""One sentence for the customer about the whole set. Words only."""

from collections import Counter
from collections.abc import Sequence

from gpu_worker.gate.findings import Finding
from gpu_worker.gate.photo import Verdict
from gpu_worker.gate.variety import ALIKE

NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
REFUSED = {  # what refused photos are, by the code of each
    "unreadable_photo": "not readable",
    "photo_too_large": "too large",
    "photo_too_small": "too small",
    "no_face": "without a face",
    "several_people": "of several people",
    "face_too_small": "taken from too far away",
    "face_cut_off": "cut off at the face",
    "blurry": "blurred",
    "too_dark": "too dark",
    "too_bright": "too bright",
    "low_contrast": "washed out",
    "eyes_covered": "taken with covered eyes",
    "extreme_pose": "turned too far aside",
    "greyscale": "without colours",
    "near_duplicate": "nearly the same as others",
    "other_person": "of somebody else",
}


def sentence(photos: Sequence[Verdict], findings: Sequence[Finding], least: int, most: int) -> str:
    """What to do next, or that nothing needs doing; of `least` to `most` photos. What refuses the set comes first."""
    codes = [found.code for found in findings]
    if "too_many_photos" in codes:
        return f"Leave out {number(len(photos) - most)} of your {number(len(photos))} photos."
    if "other_person" in codes:
        wanted = f"at least {number(least)} of one person" if least > 1 else "one person's photos"
        return f"Your photos show different people; send {wanted}."
    reasons = Counter(next(found.code for found in photo.findings if found.hard) for photo in _refused(photos))
    why, good = _why(reasons, len(photos)), len(photos) - reasons.total()
    if "too_few_photos" in codes:
        return _too_few(why, least - good, most - len(photos), only_repeats=set(reasons) == {"near_duplicate"})
    lacks = [other for name, (_, _, other) in ALIKE.items() if f"same_{name}" in codes]
    if lacks:
        more = _send(2, f"with {' and '.join(lacks[:2])}", most - len(photos))
        return f"{why or 'Your photos are much alike'}; {more}."
    if why:
        return f"{why}; the other {number(good)} {'is' if good == 1 else 'are'} fine."
    return f"Your {'photo is' if good == 1 else 'photos are'} good to go."


def number(count: int) -> str:
    """As a word up to twelve."""
    return NUMBERS[count] if 0 <= count < len(NUMBERS) else str(count)


def listed(photos: Sequence[Verdict]) -> str:
    """The photos by their numbers: "photo 2", "photos 1, 3 and 4"."""
    numbers = [str(photo.number) for photo in photos]
    if len(numbers) == 1:
        return f"photo {numbers[0]}"
    return f"photos {', '.join(numbers[:-1])} and {numbers[-1]}"


def _refused(photos: Sequence[Verdict]) -> list[Verdict]:
    return [photo for photo in photos if not photo.accepted]


def _why(reasons: Counter[str], photos: int) -> str:
    """How many of the photos are refused and why, as the start of a sentence; empty when none is."""
    if not reasons:
        return ""
    refused, (code, count) = reasons.total(), reasons.most_common(1)[0]
    told = REFUSED.get(code, "not usable")
    if photos == 1:
        return f"Your photo is {told}"
    who = f"{number(refused).capitalize()} of your {number(photos)} photos"
    if refused == photos:
        who = "Both of your photos" if photos == 2 else f"All {number(photos)} of your photos"
    if count < refused:
        return f"{who} cannot be used, {number(count)} of them {told}"
    return f"{who} {'is' if refused == 1 else 'are'} {told}"


def _too_few(why: str, missing: int, room: int, *, only_repeats: bool) -> str:
    if not why:
        return f"Add {number(missing)} more good {'photo' if missing == 1 else 'photos'}."
    good = "good one" if missing == 1 else "good ones"
    return f"{why}; {_send(missing, 'with another background' if only_repeats else good, room)}."


def _send(count: int, which: str, room: int) -> str:
    """Photos to add, or to send instead of others where no more are taken."""
    return f"add {number(count)} {which}" if room >= count else f"send {number(count)} {which} instead"
