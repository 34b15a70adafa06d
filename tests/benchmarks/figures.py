"""What a figure is, and how it is printed."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass


class NotHereError(Exception):
    """This machine lacks what a figure needs; that is no failure."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How good a figure must be, as the project's design decides it.

    Attributes:
        limit: In the figure's unit.
        at_least: Whether more is better; else less is.
    """

    limit: float
    at_least: bool = False

    def kept_by(self, value: float) -> bool:
        """Whether a value is within the budget."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that `make bench` prints.

    Attributes:
        name: Unique.
        unit: Of the value and the budget.
        measure: Takes the measurement; raises NotHereError where it cannot be taken.
        budget: None where only the value is wanted.
    """

    name: str
    unit: str
    measure: Callable[[], float]
    budget: Budget | None = None


def line(figure: Figure, value: float) -> str:
    """Write a figure as one line of JSON.

    Args:
        figure: Which.
        value: What was measured, in its unit.

    Returns:
        An object of `name`, `value`, `unit`, `budget` and `ok`; the last two are null
        where there is no budget.
    """
    budget = figure.budget
    return json.dumps(
        {
            "name": figure.name,
            "value": float(f"{value:.4g}"),
            "unit": figure.unit,
            "budget": budget and budget.limit,
            "ok": budget and budget.kept_by(value),
        }
    )


def note(text: str) -> None:
    """Tell whoever watches how a measurement goes, on standard error."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
