"""What was aimed at, beside what was measured, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A figure that should be no more than a bound, and perhaps than a second one that comes after it."""

    what: str
    """`scan Parquet, CPU, against a bare pyarrow read`."""
    most: float
    measured: float | None
    """None: there was nothing to hold it against."""
    unit: str = "x"
    then: float | None = None

    @property
    def verdict(self) -> str:
        """Whether it was met, in plain words."""
        if self.measured is None:
            return "not measured"
        if self.measured > self.most:
            return "**not met**"
        if self.then is None:
            return "met"
        return "met" if self.measured <= self.then else f"met; {number(self.then, self.unit)} comes next"

    def row(self) -> str:
        """Of a table."""
        aim = number(self.most, self.unit) + (f", then {number(self.then, self.unit)}" if self.then else "")
        found = "–" if self.measured is None else number(self.measured, self.unit)
        return f"| {self.what} | {aim} | {found} | {self.verdict} |"


def number(value: float, unit: str) -> str:
    """`1.25 x`, `312 MB`, `41 ms`."""
    return f"{value:,.0f} {unit}" if unit in ("MB", "ms") else f"{value:.2f} {unit}".strip()


def table(goals: list[Goal]) -> list[str]:
    """Lines of Markdown."""
    return ["| goal | at most | measured | |", "| --- | ---: | ---: | --- |", *(goal.row() for goal in goals)]
