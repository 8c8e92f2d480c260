"""What can go wrong while pixels are worked on, by who can put it right.

No stage's logic here, and nothing of queues: the orchestrator maps these classes to its own.
"""


class WorkError(Exception):
    """Anything that a stage found wrong; on its own, ours to repair."""


class CustomerError(WorkError):
    """The customer can put it right: a stable `code` for programs and a `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        # Exceptions cross process borders by pickle, which would call us with one argument.
        return type(self), (self.code, self.sentence)


class BadPhotos(CustomerError):
    """The photos cannot be used as they are."""


class BadStyle(CustomerError):
    """The style or a prompt of the job cannot be drawn."""


class BadPrompt(CustomerError):
    """A prompt asks for more than may be drawn, or for what is not there."""


class NothingAccepted(CustomerError):
    """Of all images drawn for a job, none may be delivered."""

    def __init__(self, drawn: int, rejected: dict[str, int]) -> None:
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(rejected.items()))
        sentence = f"None of {drawn} images was good enough ({reasons}). Try another style or prompt, or more photos."
        super().__init__("nothing_accepted", sentence)
        self.drawn, self.rejected = drawn, rejected

    def __reduce__(self) -> tuple[type, tuple[int, dict[str, int]]]:  # type: ignore[override]  # other arguments
        return type(self), (self.drawn, self.rejected)


class OutOfMemory(WorkError):
    """The gpu or the machine ran out of memory; another worker, or a smaller batch, may manage."""


class TooLarge(WorkError):
    """Not even the smallest piece of the work fits into memory; the same settings would run out of it again."""


class BadWeights(WorkError):
    """A base model or a subject's weights cannot be read, or do not fit each other."""


class BadSigner(WorkError):
    """The key or the certificate that images are to be signed with is missing, broken, or not fit for it."""


class Unreachable(WorkError):
    """A service outside does not answer; the same work may succeed later."""


class TrainingDiverged(WorkError):
    """The loss stopped being a number, or grew; the same settings would do it again.

    `since`: the first train step, from 1, whose weights are not to be trusted.
    """

    def __init__(self, message: str, since: int) -> None:
        super().__init__(message)
        self.since = since

    def __reduce__(self) -> tuple[type, tuple[str, int]]:
        return type(self), (str(self), self.since)
