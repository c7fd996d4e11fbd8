"""The goals and the measured values. A goal that is not met says why."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.tables import show


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: at least ``least``, or at most ``most``. ``short`` says why it may not be met."""

    number: int
    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    digits: int = 2
    short: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return (self.least is None or self.measured >= self.least) and (
            self.most is None or self.measured <= self.most
        )

    @property
    def asked(self) -> str:
        """The limit, as text."""
        bounds = [("at least", self.least), ("at most", self.most)]
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def show_goals(goals: Iterable[Goal]) -> None:
    """Print all goals."""
    show(
        "Goals",
        ("goal", "what", "asked", "measured", "met"),
        [
            (
                each.number,
                each.what,
                each.asked,
                f"{each.measured:.{each.digits}f}",
                "yes" if each.met else f"no: {each.short}" if each.short else "no",
            )
            for each in sorted(goals, key=lambda goal: goal.number)
        ],
    )
