"""Numbers in a text file that are too small to be told from 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict
from nanclean.wording import several

if TYPE_CHECKING:
    from nanclean.format import Facts


@dataclass(frozen=True)
class LiteralUnderflow(Detector):
    """Cells of a text file that are written as a number other than 0, and read as 0: 1e-400.

    Why it matters: whoever takes the logarithm or divides by it gets an infinity from a cell that looked harmless.

    Beware: only the count is known, not the rows. float32 calls 0 what is below 7e-46, float16 what is below 3e-8;
    that is not looked at.
    """

    name: ClassVar[str] = "literal_underflow"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    needs: ClassVar[tuple[str, ...]] = ("details",)
    applies: ClassVar[frozenset[str]] = frozenset({"integer", "float"})
    severity: ClassVar[Severity] = "info"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "literal_underflow"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        for figures in columns:
            count = figures["details"].get("literal_underflow", 0)
            if count:
                message = several(count, "number reads as 0", "numbers read as 0") + ", though not written so"
                yield Verdict(figures["name"], message, count=count, of=figures["count"])
