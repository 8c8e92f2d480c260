"""Prompt editing `[a:b:0.25]` and alternation `[a|b]`: a prompt as a tree that says its text at any inference step.

Emphasis stays in the text as it was written; weights are read from what a step's text is.
"""

from dataclasses import dataclass, field

from gpu_worker.prompt_language.limits import Limits, refuse
from gpu_worker.prompt_language.scanner import Scanner, read_number

CLOSES = {")": "(", "]": "["}
SEPARATORS = (":", "|")


@dataclass(frozen=True)
class Moment:
    """When an edit happens: after inference step `number`, or after that share of all steps."""

    number: float
    is_share: bool

    def step(self, steps: int, first_pass: int) -> int:
        """The last inference step, from 1, before the edit.

        With `first_pass`, the steps of a pass that went before, shares from 1 to 2 belong to this pass.
        """
        if self.is_share:
            return int((self.number - (1 if first_pass else 0)) * steps)
        return int(self.number) - first_pass


@dataclass(frozen=True)
class Edit:
    """`before` up to a moment, `after` from then on."""

    before: tuple["Node", ...]
    after: tuple["Node", ...]
    moment: Moment


@dataclass(frozen=True)
class Alternation:
    """One option per inference step, in turn."""

    options: tuple[tuple["Node", ...], ...]


@dataclass(frozen=True)
class Group:
    """Brackets that edit nothing; what they weigh is not known here."""

    nodes: tuple["Node", ...]


Node = str | Edit | Alternation | Group


@dataclass
class _Open:
    """A bracket that waits for its end. `broken`: brackets inside do not pair, so it edits nothing."""

    bracket: str
    fields: list[list[Node]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list)
    broken: bool = False

    def raw(self, end: str = "") -> Group:
        nodes: list[Node] = [self.bracket]
        for separator, nodes_of_field in zip(["", *self.separators], self.fields, strict=True):
            nodes += [separator, *nodes_of_field]
        return Group((*nodes, end))


def read_edits(text: str, limits: Limits) -> tuple[Node, ...]:
    """The tree of `text`. Raises BadPrompt with `nested_too_deep` or `step_out_of_range`.

    A bracket edits when those inside it pair, and what it holds reads as an edit or an alternation; any other is
    kept as it is written.
    """
    stack = [_Open("")]
    squares = 0  # open ones: a `]` without any is text
    for piece in Scanner(text):
        top = stack[-1]
        if piece in ("(", "["):
            stack.append(_Open(piece))
            squares += piece == "["
            if len(stack) - 1 > limits.nesting:
                refuse("nested_too_deep", f"The prompt nests brackets more than {limits.nesting} deep.")
        elif piece in CLOSES:
            can_close = squares if piece == "]" else len(stack) - 1 - squares
            squares -= _close(stack, piece, limits) if can_close else _stray(top, piece)
        elif piece in SEPARATORS and top.bracket == "[":
            top.separators.append(piece)
            top.fields.append([])
        else:
            top.fields[-1].append(piece)
    while len(stack) > 1:
        _give_up(stack)
    return tuple(stack[0].fields[0])


def _stray(top: _Open, piece: str) -> int:
    top.fields[-1].append(piece)
    top.broken = True
    return 0


def _give_up(stack: list[_Open]) -> int:
    """An open bracket without an end becomes text of the one around it. Whether it was square."""
    given_up = stack.pop()
    stack[-1].fields[-1].append(given_up.raw())
    stack[-1].broken = True
    return given_up.bracket == "["


def _close(stack: list[_Open], piece: str, limits: Limits) -> int:
    """End the nearest bracket of this kind; those opened inside it and still open are text. How many were square."""
    squares = 0
    while stack[-1].bracket != CLOSES[piece]:
        squares += _give_up(stack)
    closed = stack.pop()
    node = _editing(closed, limits) if piece == "]" and not closed.broken else None
    stack[-1].broken |= closed.broken
    stack[-1].fields[-1].append(node or closed.raw(piece))
    return squares + (piece == "]")


def _editing(closed: _Open, limits: Limits) -> Edit | Alternation | None:
    """What a square bracket means, if it means more than less emphasis."""
    fields = [tuple(nodes) for nodes in closed.fields]
    kinds = set(closed.separators)
    if kinds == {"|"}:
        return Alternation(tuple(fields))
    moment = _moment(fields[-1], limits) if kinds == {":"} and len(fields) <= 3 else None
    if moment is None:
        return None
    return Edit(fields[0] if len(fields) == 3 else (), fields[-2], moment)


def _moment(nodes: tuple[Node, ...], limits: Limits) -> Moment | None:
    """A number below 1, or one with a point, is a share of all steps; any other a step."""
    number = read_number(nodes[0]) if len(nodes) == 1 and isinstance(nodes[0], str) else None
    if number is None:
        return None
    if not 0 <= number <= limits.step:
        refuse("step_out_of_range", f"A prompt cannot change at {number:g}: steps go up to {limits.step}.")
    assert isinstance(nodes[0], str)
    return Moment(number, number < 1 or "." in nodes[0])


def text_at(nodes: tuple[Node, ...], step: int, steps: int, first_pass: int = 0) -> str:
    """The text that holds at inference step `step` of `steps`, counted from 1."""
    pieces: list[str] = []
    _write(nodes, step, steps, first_pass, pieces)
    return "".join(pieces)


def _write(nodes: tuple[Node, ...], step: int, steps: int, first_pass: int, pieces: list[str]) -> None:
    for node in nodes:
        if isinstance(node, str):
            pieces.append(node)
        elif isinstance(node, Group):
            _write(node.nodes, step, steps, first_pass, pieces)
        elif isinstance(node, Alternation):
            _write(node.options[(step - 1) % len(node.options)], step, steps, first_pass, pieces)
        else:
            chosen = node.before if step <= node.moment.step(steps, first_pass) else node.after
            _write(chosen, step, steps, first_pass, pieces)


def changes(nodes: tuple[Node, ...]) -> bool:
    """Whether any step's text may differ from another's."""
    return any(
        isinstance(node, Edit | Alternation) or (isinstance(node, Group) and changes(node.nodes)) for node in nodes
    )
