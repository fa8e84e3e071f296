"""Text whose encoding had to be guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nanclean.detector import Detector, Figures, Severity, Verdict
from nanclean.escaping import shortened

if TYPE_CHECKING:
    from nanclean.format import Facts


@dataclass(frozen=True)
class Encoding(Detector):
    """A text file that is not UTF-8 and does not say what it is instead.

    Why it matters: any byte is a letter in Windows-1252, so a wrong guess is no error, only wrong names and
    categories: Zürich and ZÃ¼rich are two cities to a model. Numbers are not touched.

    Beware: one wrong byte anywhere in a UTF-8 file is enough for this finding.
    """

    name: ClassVar[str] = "encoding"
    scope: ClassVar[Literal["cell", "table"]] = "table"
    whole: ClassVar[bool] = True
    severity: ClassVar[Severity] = "warning"
    builtin: ClassVar[bool] = True
    example: ClassVar[str] = "encoding"

    def judge(self, facts: Facts, columns: Sequence[Figures], values: bool = True) -> Iterable[Verdict]:
        if facts.encoding_guessed:
            used = shortened(facts.encoding or "latin-1")
            hint = f"if names and text look right, say --encoding {used}; otherwise name the right one"
            yield Verdict(None, f"not UTF-8: read as {used}", hint)
