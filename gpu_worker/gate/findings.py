"""What the gate can find wrong with a photo or a set, in words for the customer.

Only words: what is measured and where the limits lie stands in measures.py and the judges.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. A `hard` one refuses the photo, a soft one is a warning.

    `code` is stable, for programs; `sentence` says what is wrong and `advice` what to do, for the customer.
    """

    code: str
    hard: bool
    sentence: str
    advice: str

    def told(self) -> dict[str, Any]:
        return {"code": self.code, "hard": self.hard, "sentence": self.sentence, "advice": self.advice}


HARD, SOFT = True, False

# code → hard or soft, sentence, advice; {name} is "photo 3" and starts a sentence as "Photo 3"
PHOTO: dict[str, tuple[bool, str, str]] = {
    "unreadable_photo": (HARD, "{name} is not a whole JPEG, PNG, WebP or HEIC image.", "Upload the original again."),
    "photo_too_large": (HARD, "{name} is too large.", "Send it in a smaller size."),
    "photo_too_small": (HARD, "{name} has too few pixels.", "Send the original, not a thumbnail."),
    "no_face": (HARD, "We found no face in {name}.", "Send a photo in which the face is clearly seen."),
    "sideways": (SOFT, "{name} was not upright; we turned it.", "Nothing to do."),
    "several_people": (
        HARD,
        "There are several people in {name}; we cannot tell who is meant.",
        "Send a photo of one person alone, or cut the others off.",
    ),
    "others_in_photo": (
        SOFT,
        "There is somebody else in {name}; we take the largest face.",
        "A photo of one person alone teaches more.",
    ),
    "face_too_small": (HARD, "The face in {name} is too small.", "Send a closer photo."),
    "face_small": (SOFT, "The face in {name} is small; training enlarges it.", "A closer photo shows more of it."),
    "face_cut_off": (HARD, "The face in {name} is cut off at the edge.", "Send a photo that shows the whole head."),
    "blurry": (HARD, "The face in {name} is blurred.", "Hold still, tap on the face to focus, and take it again."),
    "slightly_blurry": (SOFT, "The face in {name} is a little soft.", "A sharper photo shows the face better."),
    "too_dark": (HARD, "{name} is too dark.", "Face a window or a lamp."),
    "too_bright": (HARD, "{name} is too bright: parts of the face are white.", "Step out of the direct light."),
    "low_contrast": (HARD, "The face in {name} is washed out.", "Clean the lens, and avoid light behind the head."),
    "eyes_covered": (HARD, "The eyes in {name} are covered.", "Take off sunglasses, and keep hair and hands away."),
    "eyes_shaded": (SOFT, "The eyes in {name} lie in shadow.", "Turn a little towards the light."),
    "extreme_pose": (HARD, "The head in {name} is turned too far.", "Look towards the camera; a little aside is fine."),
    "turned_away": (SOFT, "The head in {name} is turned far aside.", "Add photos that look towards the camera."),
    "greyscale": (HARD, "{name} has no colours.", "Send a colour photo without a filter."),
    "filtered": (SOFT, "The skin in {name} looks smoothed by a filter.", "Send the photo without a beauty filter."),
    "near_duplicate": (HARD, "{name} is nearly the same as photo {other}.", "Send one with another place or clothes."),
    "other_person": (HARD, "{name} seems to show another person than the others.", "Send photos of one person only."),
}


def finding(code: str, name: str, other: int | None = None) -> Finding:
    """The finding of this code about the photo called `name`. Raises KeyError for an unknown code."""
    hard, sentence, advice = PHOTO[code]
    told = sentence.format(name=name, other=other)
    return Finding(code, hard, told[0].upper() + told[1:], advice)
