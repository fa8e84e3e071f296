"""What the programs that will train on the data cannot bear, and how much of it they do not even mention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from nanclean.detector import Detector, Severity
from nanclean.errors import PolicyError
from nanclean.part import did_you_mean, from_text
from nanclean.wording import shown

PRECISIONS = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Trainer:
    """The severities of the built-in checks for one program, in one precision."""

    name: str
    precision: str = "float32"
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """By find; what is not here keeps its own."""
    of_text: Mapping[str, Severity] = field(default_factory=dict)
    """The same for columns of text, before the others."""
    instead: tuple[tuple[Detector, Severity], ...] = ()
    """Finds that take the place of the built-in ones of their name."""

    def __str__(self) -> str:
        return self.name if self.precision == "float32" else f"{self.name}:{self.precision}"

    def severity(self, find: str, type_: str | None) -> Severity | None:
        """None: as ever."""
        if type_ == "text" and find in self.of_text:
            return self.of_text[find]
        return self.severities.get(find)


# Reproduced with torch 2.13, Keras 3.15, scikit-learn 1.9, XGBoost 3.2, LightGBM 4.7 and CatBoost 1.2.
_NETWORK: dict[str, Severity] = {"missing": "error", "infinite": "error", "overflow": "error", "all_missing": "error"}
_TREES: dict[str, Severity] = {"missing": "info", "infinite": "error", "overflow": "error", "all_missing": "warning"}

TRAINERS: dict[str, Trainer] = {
    "torch": Trainer("torch", severities=_NETWORK),
    "keras": Trainer("keras", severities=_NETWORK),
    "sklearn": Trainer("sklearn", severities=_NETWORK),  # its histogram boosting takes NaN, the rest does not
    "xgboost": Trainer("xgboost", severities=_TREES),
    "lightgbm": Trainer("lightgbm", severities={**_TREES, "overflow": "warning"}),  # takes infinities without a word
    "catboost": Trainer("catboost", severities=_TREES, of_text={"missing": "error"}),  # refuses NaN in a category
}
NETWORKS = ("torch", "keras")


def trainer(text: str) -> Trainer:
    """`torch`, or `torch:float16`. PolicyError on another."""
    name, colon, precision = text.strip().partition(":")
    known = TRAINERS.get(name)
    if known is None:
        raise PolicyError(f"there is no trainer {shown(name)!r}{did_you_mean(name, TRAINERS)}")
    if name not in NETWORKS:
        if colon and precision != "float32":
            raise PolicyError(
                f"{name} computes in float32 or float64; {shown(precision)!r} is for {' and '.join(NETWORKS)}"
            )
        return known
    if colon and precision not in PRECISIONS:
        raise PolicyError(f"{name} in {shown(precision)!r}{did_you_mean(precision, PRECISIONS)}")
    precision = precision or "float32"
    # A square overflows long before the value does, and a loss or a variance squares it. In float16 that is from 256
    # on, which many an unscaled column reaches, so there it is no more than a warning.
    instead: list[tuple[str, Severity]] = [(f"overflow({precision}, squared=True)", "error")]
    if precision == "float16":
        instead = [("overflow(float16)", "error"), ("overflow(float16, squared=True)", "warning")]
    finds = tuple((cast(Detector, from_text(text, "detectors")), severity) for text, severity in instead)
    return Trainer(name, precision, known.severities, known.of_text, finds)
