"""What a report suggests to do about a table: rules for its columns, each with its evidence.

What is wrong without doubt becomes a rule; what only somebody who knows the data can decide is a suggestion that is
not active. Every error of the report is the business of a rule, so that the rules pass a check of the same table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from nanclean.errors import UsageError
from nanclean.escaping import shortened
from nanclean.finding import Finding
from nanclean.grammar import SELECTORS
from nanclean.part import literal
from nanclean.report import Column, Report
from nanclean.trainers import trainer as read_trainer
from nanclean.wording import listed, percent, quoted, several, shown

STEPS = ("1", "2", "5", "10", "15", "20", "25", "30", "40", "50", "60", "75", "100")
"""Limits, in percent: the first one that leaves some room above what was observed."""
ROOM = 1.2
CODES, CATEGORIES = 10, 20
"""So many different numbers, or texts, are filled with the most frequent one."""
SLIP = 100
"""One cell in so many is a slip of somebody; more of them, far from all others, may be a population of their own."""
FEW_ROWS = 20
"""One row in so many may go where its cells cannot be filled in."""
MANY = 24
"""More columns than these are one rule."""
LONGEST_NAME = 1_000
"""Characters of a name, quoted, that still goes into a rule."""
TARGETS = frozenset("label labels target class outcome".split())
"""Names that people give to what is to be learned."""
BLANKS = ("unparsable", "literal_overflow", "infinite", "overflow", "isolated", "mixed", "standin")
"""Finds whose cells may become missing, facts before guesses."""
KEEP, BLANK, DROP, FILL = range(4)
"""In the order in which rules must run: what is filled in was made missing above."""


@dataclass(frozen=True)
class Suggestion:
    """One rule for one column."""

    stage: int
    column: str | None
    """None: the table."""
    find: str
    fix: str | None
    why: str
    count: int = 0
    """What the find found."""
    active: bool = True
    """False: for somebody to decide who knows the data."""
    limit: str | None = None

    @property
    def kind(self) -> tuple[int, bool, str, str, str]:
        """Suggestions of one kind are one rule for several columns."""
        return self.stage, not self.active, self.find, self.fix or "", self.limit or ""


def confirmed(report: Report) -> tuple[str, ...]:
    """Symbols in columns of text that stand for "missing" in a column of numbers of the same file."""
    known = {token for column in report.columns for token in column.tokens}
    suspected = [
        f.message.split("\n")[0] for f in report.findings if f.rule == "standin" and _type(report, f) == "text"
    ]
    return tuple(sorted(token for token in known if any(f'"{shown(token)}"' in message for message in suspected)))


def _type(report: Report, finding: Finding) -> str | None:
    return None if finding.column is None else report.columns[finding.column].type


@dataclass
class Suggestions:
    """All suggestions about one table.

    UsageError if no rule can help: every label is missing.
    """

    report: Report
    """Of a scan without any rule."""
    trainer: str | None = None
    all: list[Suggestion] = field(default_factory=list, init=False)
    unnamed: list[str] = field(default_factory=list, init=False)
    """Columns whose names no rule can hold."""

    def __post_init__(self) -> None:
        self._trainer = None if self.trainer is None else read_trainer(self.trainer)
        self.rows = self.report.source.rows or 0
        self.found: dict[str, dict[str, Finding]] = {}
        """By column and find; of two findings of one find the worse."""
        for finding in self.report.findings:
            if finding.column is not None:
                self.found.setdefault(finding.column, {}).setdefault(finding.rule, finding)
        self.of_table = [finding for finding in self.report.findings if finding.column is None]
        self.second_header = self._second_header()
        suggested: list[Suggestion] = []
        for column in self.report.columns:
            if len(quoted(column.name)) > LONGEST_NAME:
                self.unnamed.append(column.name)
            else:
                suggested += self._of_column(column)
        suggested += self._of_table()
        self.all = self._limited(self._learned(self._without_the_last_column(suggested)))

    @cached_property
    def by_column(self) -> dict[str | None, list[Suggestion]]:
        """The suggestions for each column."""
        return _by_column(self.all)

    @cached_property
    def blanked(self) -> dict[str, int]:
        """Cells that a rule makes missing, or would if it were active, by column."""
        return {name: cells for name, all_of in self.by_column.items() if name and (cells := _blanked(all_of))}

    @property
    def going(self) -> int:
        """Rows that go, at most."""
        return _going(self.all)

    def untouched(self, column: Column) -> bool:
        """Whether it is a feature of which no rule changes a cell, but that it may fill the gaps."""
        odd = self.found.get(column.name, {}).keys() - {"missing", "constant"}
        gone = any(each.fix == "drop_column" and each.active for each in self.by_column.get(column.name, ()))
        return self.is_feature(column.name) and not odd and not gone and column.name not in self.unnamed

    def is_feature(self, name: str) -> bool:
        """Neither label nor id."""
        return self.report.columns[name].role not in ("label", "id")

    def nullable(self, name: str) -> bool:
        """Whether a cell can be missing: an array has no way to say so but NaN."""
        array = self.report.source.format in ("npy", "array")
        return not array or self.report.columns[name].type in ("float", "complex")

    @property
    def cost(self) -> str:
        """The limit that fits the share of changed cells of the column in which it is largest."""
        limits = ["1%"]
        for column in self.report.columns:
            own = [each for each in self.by_column.get(column.name, ()) if each.active and each.stage in (BLANK, FILL)]
            limits.append(limit_of(sum(each.count for each in own), column.count))
        return max(limits, key=_percent)

    def target(self) -> tuple[str, str] | None:
        """A column that may be the label, and why."""
        features = [column for column in self.report.columns if column.role not in ("label", "id")]
        named = [column for column in features if column.name.strip().lower() in TARGETS]
        if named:
            return named[0].name, "going by its name"
        if len(features) < 3 or features[-1] is not self.report.columns[-1]:
            return None
        last = features[-1]
        few = last.type in ("integer", "text", "boolean") and 2 <= (last.distinct or 0) <= CATEGORIES
        whole = FEW_ROWS * last.missing <= last.count
        return (last.name, f"the last column, {last.distinct} values") if few and whole else None

    def ids(self) -> Iterator[tuple[str, str]]:
        """Columns that may name the row, and why."""
        for column in self.report.columns:
            if self.is_feature(column.name) and (why := _names_rows(column, self.rows)) is not None:
                yield column.name, why

    def _of_column(self, column: Column) -> Iterator[Suggestion]:
        found = dict(self.found.get(column.name, {}))
        if column.role == "label":
            yield from self._of_label(column, found)
        elif column.role == "id":
            yield from (self._kept(finding) for finding in found.values() if finding.severity == "error")
        else:
            yield from self._of_feature(column, found)

    def _of_label(self, column: Column, found: Mapping[str, Finding]) -> Iterator[Suggestion]:
        if "all_missing" in found:
            raise UsageError(
                f"the label {quoted(column.name)} is missing in every row", hint="name another with --label COLUMN"
            )
        for name, finding in found.items():
            if self._is_scale(finding, column):
                yield self._scale(finding)
            elif finding.severity == "error" or name == "missing":
                yield _suggested(DROP, finding, "drop", f"{told(finding)}: such a row teaches nothing")

    def _of_feature(self, column: Column, found: dict[str, Finding]) -> Iterator[Suggestion]:
        missing = found.get("missing")
        if "all_missing" in found:
            yield _suggested(
                DROP, found.pop("all_missing"), "drop_column", "every cell is missing: nothing to learn from"
            )
        elif column.finite == 0 and "infinite" in found:
            yield _suggested(DROP, found.pop("infinite"), "drop_column", "not one finite number")
        elif missing is not None and missing.severity != "info" and 2 * column.missing > column.count:
            why = f"{percent(column.missing, column.count)} missing ({column.missing:,} of {column.count:,})"
            yield _suggested(DROP, found.pop("missing"), "drop_column", why)
        else:
            yield from self._repaired(column, found)
        yield from (self._kept(finding) for finding in found.values() if finding.severity == "error")

    def _repaired(self, column: Column, found: dict[str, Finding]) -> Iterator[Suggestion]:
        """What is done to cells. Findings that are dealt with are taken out."""
        if column.type.startswith("list"):
            for name in ("infinite", "overflow", "missing"):
                if name in found and FEW_ROWS * (found[name].count or 0) <= self.rows:
                    finding = found.pop(name)
                    why = f"{told(finding)}: in a list there is nothing to fill a gap with"
                    yield _suggested(DROP, finding, "drop", why)
            return
        if column.name in self.second_header and "unparsable" in found:
            why = "the first row looks like a second header"
            yield _suggested(DROP, found.pop("unparsable"), "drop", why)
        blanks = list(self._blanks(column, found))
        yield from blanks
        if "constant" in found and not column.missing:
            why = f"{told(found['constant'])}: nothing to learn from"
            yield Suggestion(DROP, column.name, "constant", "drop_column", why, active=False)
        yield from self._filled(column, found, [blank for blank in blanks if blank.fix == "blank"])

    def _blanks(self, column: Column, found: dict[str, Finding]) -> Iterator[Suggestion]:
        nullable = self.nullable(column.name)
        for name in BLANKS[:4]:
            if name not in found or found[name].severity != "error":
                continue
            finding = found[name]
            if self._is_scale(finding, column):
                yield self._scale(found.pop(name))
            elif nullable:
                yield _suggested(BLANK, found.pop(name), "blank", _evidence(finding))
        isolated, standin = found.pop("isolated", None), found.pop("standin", None)
        others = self.found.get(column.name, {})
        if isolated is not None and "overflow" in others and _same_cells(isolated, others["overflow"]):
            isolated = None  # gone by then
        if isolated is not None:
            count = isolated.count or 0
            both = standin is not None and _same_cells(standin, isolated)
            why = _evidence(isolated)
            if both and standin is not None:
                why, standin = f"{told(standin)}; and far from all others", None
            sure = nullable and (both or SLIP * count <= column.count)
            more = "" if sure or not nullable else self._together(isolated)
            yield _suggested(BLANK, isolated, "blank" if nullable else "clip", why + more, active=sure)
        for guess in (found.get("mixed"), standin):
            if guess is not None:
                yield _suggested(BLANK, guess, "blank" if nullable else "drop", told(guess), active=False)

    def _together(self, finding: Finding) -> str:
        """Other columns whose missing cells begin in the same rows and are as many."""
        same = [
            quoted(shortened(name, 40))
            for name, found in self.found.items()
            if "missing" in found and _same_cells(found["missing"], finding)
        ]
        if not same:
            return " So many are no slip: look before you blank."
        return (
            f" In the same rows, it seems, {listed(same)} is missing: records of another kind? -> drop takes them out."
        )

    def _filled(self, column: Column, found: dict[str, Finding], blanks: Sequence[Suggestion]) -> Iterator[Suggestion]:
        missing = found.get("missing")
        if missing is None and not blanks:
            return
        if self._trainer is not None and self._trainer.severity("missing", column.type) == "info":
            return  # the trainer takes missing cells as they are
        fix, value = _filling(column, found)
        why = f"{column.missing:,} of {column.count:,} missing ({percent(column.missing, column.count)})"
        if not column.missing:
            why = "none missing but for the rules above"
        if fix is not None:
            found.pop("missing", None)
            active = missing is not None or any(blank.active for blank in blanks)
            yield Suggestion(FILL, column.name, "missing", fix, f"{why}; {value}", column.missing, active)
        elif missing is not None:
            found.pop("missing")
            yield Suggestion(KEEP, column.name, "missing", None, f"{why}; {value}", column.missing)

    def _is_scale(self, finding: Finding, column: Column) -> bool:
        """Whether so many cells are too large that it is no slip."""
        return finding.rule == "overflow" and finding.severity == "error" and SLIP * (finding.count or 0) > column.count

    def _scale(self, finding: Finding) -> Suggestion:
        kept = self._kept(finding)
        return replace(kept, why=f"{kept.why}: not a slip but the scale of the column; see log1p and normalize")

    def _kept(self, finding: Finding) -> Suggestion:
        return _suggested(KEEP, finding, None, told(finding))

    def _second_header(self) -> frozenset[str]:
        """Columns in which the first row, and nothing else, is no number, where that row is a second header."""
        if not any(finding.rule == "header" and finding.rows == [1] for finding in self.of_table):
            return frozenset()
        return frozenset(
            name
            for name, found in self.found.items()
            if "unparsable" in found and found["unparsable"].count == 1 and found["unparsable"].rows == [1]
        )

    def _of_table(self) -> Iterator[Suggestion]:
        for finding in self.of_table:
            if finding.rule == "ragged":
                why = f"{told(finding)}: which cell belongs where is not known"
                yield _suggested(DROP, finding, "drop", why)
            elif finding.severity == "error":
                yield self._kept(finding)

    def _without_the_last_column(self, suggested: list[Suggestion]) -> list[Suggestion]:
        """If every column would go, none goes: a table has at least one."""
        if sum(each.fix == "drop_column" and each.active for each in suggested) != self.report.source.columns:
            return suggested
        return [replace(each, stage=KEEP, fix=None) if each.fix == "drop_column" else each for each in suggested]

    def _learned(self, suggested: list[Suggestion]) -> list[Suggestion]:
        """Without filling in what would have nothing to be learned from, once rows are gone and cells blanked."""
        going, by_column = _going(suggested), _by_column(suggested)
        kept = []
        for each in suggested:
            if each.column is not None and (each.fix or "").startswith("impute"):
                column = self.report.columns[each.column]
                if column.count - column.missing - _blanked(by_column[each.column]) <= going:
                    if column.missing:
                        why = f"{each.why}; too few are left to learn from"
                        kept.append(replace(each, stage=KEEP, fix=None, why=why))
                    continue
            kept.append(each)
        return kept

    def _limited(self, suggested: list[Suggestion]) -> list[Suggestion]:
        """With limits that fit what was found, what becomes missing above, and the rows that go."""
        going, by_column = _going(suggested), _by_column(suggested)
        limited = [replace(each, limit=self._limit(each, going, by_column[each.column])) for each in suggested]
        filling = Counter(each.fix for each in limited if each.stage == FILL and each.active)
        most = {
            fix: max((each.limit for each in limited if each.fix == fix and each.limit), key=_percent)
            for fix, columns in filling.items()
            if columns > MANY
        }
        return [replace(each, limit=most[each.fix]) if each.limit and each.fix in most else each for each in limited]

    def _limit(self, each: Suggestion, going: int, own: Sequence[Suggestion]) -> str | None:
        if each.fix == "drop_column" or not each.active:
            return None
        if each.column is None:
            return limit_of(each.count, self.rows)
        count, of = each.count, self.report.columns[each.column].count
        if each.stage == FILL or (each.stage == DROP and each.find == "missing"):
            some, every = _blanked([other for other in own if other.active]), _blanked(own)
            # Where that is not half of the column, there is room for those that are not active, too.
            return limit_of(count + (every if 2 * (count + every) <= of else some), of - going)
        return limit_of(count, of - going + each.count if each.stage == DROP else of)


def _by_column(suggested: Iterable[Suggestion]) -> dict[str | None, list[Suggestion]]:
    by_column: dict[str | None, list[Suggestion]] = {}
    for each in suggested:
        by_column.setdefault(each.column, []).append(each)
    return by_column


def _blanked(suggested: Iterable[Suggestion]) -> int:
    return sum(each.count for each in suggested if each.stage == BLANK and each.fix == "blank")


def _going(suggested: Iterable[Suggestion]) -> int:
    return sum(each.count for each in suggested if each.fix == "drop" and each.active)


def _suggested(stage: int, finding: Finding, fix: str | None, why: str, *, active: bool = True) -> Suggestion:
    find = finding.rule_text
    if finding.column is not None:
        find = find.removeprefix(f"{quoted(finding.column)}: ")
    else:
        find = find.removeprefix("@all: ")
    return Suggestion(stage, finding.column, find, fix, why, finding.count or 0, active)


def _filling(column: Column, found: Mapping[str, Finding]) -> tuple[str | None, str]:
    """The fix for missing cells, and what it would fill in today; without one, why there is none."""
    if "constant" in found:
        return None, "one value or none: being missing may be what it says"
    mode = column.top[0] if column.top else None
    most = "" if mode is None else f"most frequent {_value(mode[0])} ({several(mode[1], 'cell')})"
    if column.type in ("integer", "float"):
        if column.distinct is not None and column.distinct <= CODES and mode is not None:
            return "impute(mode)", most
        return "impute(median)", "median " + ("unknown" if column.median is None else f"{column.median:.6g}")
    if column.type == "boolean":
        return "impute(mode)", most
    if column.type == "text" and not found.keys() & {"decimal", "mixed"}:
        if column.distinct is not None and column.distinct <= CATEGORIES and mode is not None:
            return "impute(mode)", most
        different = f"{column.distinct:,}" if column.distinct is not None else "more than 1,000"
        return "fill('unknown')", f"{different} different values"
    if column.type == "text":
        return None, "numbers among them: see to those first"
    return None, "nothing to fill it with; missing -> drop takes the rows out"


def _names_rows(column: Column, rows: int) -> str | None:
    """Why a column may name the row: all its values are different. None: they are not, or that is not known."""
    if rows < 10 or column.count != rows or column.missing or column.type not in ("integer", "text"):
        return None
    if column.distinct == rows:
        return f"{rows:,} different values in {rows:,} rows"
    low, high = column.min, column.max
    if column.type != "integer" or column.distinct is not None or not isinstance(low, int) or not isinstance(high, int):
        return None
    # Above 1,000 values they are not counted. A row of numbers without a gap has exactly this mean and deviation.
    if high - low + 1 != rows or column.mean is None or column.std is None:
        return None
    as_counted = math.isclose(column.mean, (low + high) / 2) and math.isclose(column.std, math.sqrt((rows**2 - 1) / 12))
    return f"{low} to {high} in {rows:,} rows" if as_counted else None


def observed_range(column: Column) -> str | None:
    """`range(low, high)` of what a column of numbers holds; None where there is no such range to speak of."""
    low, high = column.min, column.max
    if column.type not in SELECTORS["@numeric"] or isinstance(low, bool | str) or isinstance(high, bool | str):
        return None
    if low is None or high is None or (column.constant and column.missing == 0):
        return None
    if any(isinstance(bound, int) and not -(2**63) <= bound < 2**64 for bound in (low, high)):
        return None
    return f"range({literal(low)}, {literal(high)})"


def limit_of(count: int, of: int) -> str:
    """The first step with some room above a share."""
    share = 100 * count / of if of > 0 else 100.0
    return next(f"{step}%" for step in STEPS if float(step) >= share * ROOM or step == "100")


def _percent(limit: str) -> float:
    return float(limit.removesuffix("%"))


def _same_cells(a: Finding, b: Finding) -> bool:
    """Whether two findings are about the same rows, as far as a report tells: as many, and the same first five."""
    return a.count == b.count and a.rows == b.rows


def told(finding: Finding) -> str:
    """The first line of its message."""
    return finding.message.split("\n")[0]


def _value(value: object) -> str:
    return f'"{shown(value)}"' if isinstance(value, str) else shown(value)


def _evidence(finding: Finding) -> str:
    """What is told, on which line, and what speaks for it."""
    first, *more = finding.message.split("\n")
    where = f" ({finding.where[0]})" if finding.where and finding.count == 1 else ""
    return ". ".join([first + where, *(line.rstrip(".") for line in more)]) + "."
