"""A policy as a person would write it: suggestions as commented TOML."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Any

from nanclean.escaping import escaped, shortened
from nanclean.grammar import LONGEST, SELECTORS
from nanclean.policy import from_options
from nanclean.report import Report
from nanclean.suggest import (
    BLANK,
    BLANKS,
    DROP,
    FILL,
    KEEP,
    MANY,
    Suggestion,
    Suggestions,
    confirmed,
    limit_of,
    observed_range,
    told,
)
from nanclean.wording import listed, percent, quoted, several, shown

WIDTH = 80
"""Of the text, where a name is not longer."""
MOST_EXCEPTED, MOST_TOLD, MOST_RANGES = 8, 6, 20
HELP = """\
#
# Rules run from top to bottom. What stands behind a # is yours to decide: take
# the mark away, or the line. A limit such as <= 5% says how much a file may
# have of it: more is an error, whatever the fix does.
#
# What a word means, and where it errs:  nanclean explain isolated
# Completion in an editor:  #:schema URL  above, with what this prints:
#   python -m nanclean.schemas policy-1.json""".split("\n")
HEADINGS = {
    KEEP: "left as it is: a check, with a limit just above what was found",
    BLANK: "cannot be right: becomes missing, to be filled in below",
    DROP: "goes",
    FILL: "filled in, with numbers of the rows that are left",
}


@dataclass(frozen=True)
class Given:
    """What was said on the way in, to be said again in the policy."""

    label: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    missing_list: str | None = None
    trainer: str | None = None
    confirmed: tuple[str, ...] = ()
    """Symbols of text columns that mean "missing" in columns of numbers of the same file."""
    read: tuple[str, ...] = ()
    """The options that say how the file is read: `--no-header`."""


def drawn(scan: Callable[..., Report], **options: Any) -> str:
    """The policy, TOML, for what `scan` reports when it is called with these options and without any rule.

    Errors are those of the scan, and UsageError if no policy can help.
    """
    options = {**options, "policy": None, "rules": (), "no_config": True, "values": True}
    report = scan(**options)
    missing = options.get("missing", ())
    missing = [missing] if isinstance(missing, str | int | float) else list(missing)
    if more := confirmed(report):
        report = scan(**{**options, "missing": [*missing, *more]})
    said = from_options(label=options.get("label"), id=options.get("id"))
    spelled = tuple(each if isinstance(each, str) else repr(each) for each in missing)
    read = [f"--{key} {options[key]}" for key in ("encoding", "delimiter", "axis") if options.get(key) is not None]
    read += ["--decimal ,"] * (options.get("decimal") == ",") + ["--no-header"] * (not options.get("header", True))
    trainer = options.get("trainer")
    given = Given(said.label, said.id, spelled, options.get("missing_list"), trainer, more, tuple(read))
    return "\n".join(_Text(given, Suggestions(report, trainer)).lines()) + "\n"


@dataclass
class _Text:
    """The lines of a policy."""

    given: Given
    suggestions: Suggestions

    def __post_init__(self) -> None:
        self.report = self.suggestions.report
        self.rows = self.suggestions.rows

    def lines(self) -> Iterator[str]:
        """The lines of the policy."""
        yield from self._head()
        yield ""
        yield "version = 1"
        yield from self._roles()
        yield from self._missing()
        if self.given.trainer is not None:
            yield f"for     = {_toml(self.given.trainer)}"
        yield ""
        yield "rules = ["
        body = [line for stage in (KEEP, BLANK, DROP) for line in self._stage(stage)]
        body += [*self._clips(), *self._stage(FILL), *self._contract()]
        yield from body[1:] if body and not body[0] else body
        yield "]"
        yield ""
        yield from self._budget()

    def _head(self) -> Iterator[str]:
        source = self.report.source
        name = shortened(PurePath(source.path).name, 200)
        yield f"# Drawn from {name}: {several(self.rows, 'row')}, {several(source.columns or 0, 'column')}."
        if len(self.report.columns) != source.columns:
            yield f"# Looked at: {several(len(self.report.columns), 'column')} of them."
        if self.given.read:
            yield from _comment(f"Read with {' '.join(self.given.read)}")
        if not any(each.active and each.fix for each in self.suggestions.all):
            yield "# Nothing needs to be repaired."
        yield from HELP
        first = [finding for finding in self.suggestions.of_table if finding.rule in ("header", "encoding", "names")]
        decimal = [found["decimal"] for found in self.suggestions.found.values() if "decimal" in found]
        for finding in first + decimal[:1]:
            names = [_short(str(each.column)) for each in decimal] if finding in decimal else []
            where = f"{listed(names)}: " if names else ""
            hint = f" ({finding.hint})" if finding.hint and finding.rows != [1] else ""
            yield "#"
            yield from _comment(f"Look at this first: {where}{told(finding)}{hint}")
        if self.suggestions.unnamed:
            yield "#"
            names = [shortened(name, 30) for name in self.suggestions.unnamed]
            yield from _comment(f"Too long a name for a rule, so left out: {listed(names)}")

    def _roles(self) -> Iterator[str]:
        label, id = self.given.label, self.given.id
        if label:
            yield f"label   = {_toml(label[0]) if len(label) == 1 else _toml_list(label)}  # protected: never filled in"
        elif (target := self.suggestions.target()) is not None:
            yield f"# label = {_toml(target[0])}  # {target[1]}; nothing may be missing there"
        else:
            yield '# label = "..."  # the column to be learned; nothing may be missing there'
        if id:
            yield f"id      = {_toml_list(id)}  # protected"
        else:
            for name, why in islice(self.suggestions.ids(), 3):
                yield f"# id    = {_toml_list([name])}  # {why}: it names the row"

    def _missing(self) -> Iterator[str]:
        if self.given.missing_list not in (None, "auto"):
            yield f"missing_list = {_toml(str(self.given.missing_list))}"
        words = tuple(dict.fromkeys((*self.given.missing, *self.given.confirmed)))
        if not words:
            return
        for word in self.given.confirmed:
            counts = [(column.tokens[word], column.name) for column in self.report.columns if word in column.tokens]
            cells = sum(count for count, _ in counts)
            yield from _comment(
                f'"{shown(word)}" stands for "missing": {several(cells, "cell")} in {several(len(counts), "column")}'
            )
        yield f"missing = {_toml_list(words)}  # in every column"

    def _stage(self, stage: int) -> Iterator[str]:
        groups: dict[tuple[object, ...], list[Suggestion]] = {}
        for each in self.suggestions.all:
            if each.stage == stage:
                groups.setdefault(each.kind, []).append(each)
        if not groups:
            return
        yield ""
        yield f"  # --- {HEADINGS[stage]}"
        for group in sorted(groups.values(), key=_order):
            yield ""
            yield from _why(group)
            yield from self._rules(group)

    def _rules(self, group: Sequence[Suggestion]) -> Iterator[str]:
        first = group[0]
        if first.column is None:
            yield from _rule(["@all"], first)
            return
        names = [each.column for each in group if each.column is not None]
        if len(names) <= MANY or first.stage == DROP:
            yield from _listed_rules(names, first)
            return
        hits = {name for name, found in self.suggestions.found.items() if first.find.partition("(")[0] in found}
        if first.find == "missing":
            hits |= self.suggestions.blanked.keys()
        words = self._selected(names, hits)
        if words is None and first.stage == FILL and first.active:
            # Above, everything else has been filled in or is gone; without a limit this rule finds nothing there.
            left = {each.column for each in self.suggestions.all if each.stage == KEEP and each.find == "missing"}
            left |= {each.column for each in self.suggestions.all if each.stage == FILL and each.fix != first.fix}
            words, first = self._selected(names, {name for name in left if name}), replace(first, limit=None)
        if words is None:
            yield from _listed_rules(names, group[0])
        else:
            yield from _rule(words, first)

    def _selected(self, names: Sequence[str], hits: Iterable[str]) -> list[str] | None:
        """The narrowest selector that reaches these columns, without others in which the find finds something."""
        types = {column.name: column.type for column in self.report.columns}
        others = set(hits) - set(names)
        if len(self.report.columns) != self.report.source.columns:
            return None  # there are columns that nobody looked at
        for selector, reached in (*SELECTORS.items(), ("@features", None)):
            if reached is not None and not all(types[name] in reached for name in names):
                continue
            if reached is None and not all(map(self.suggestions.is_feature, names)):
                continue
            inside = [name for name in types if reached is None or types[name] in reached]
            excepted = [name for name in inside if name in others and (reached or self.suggestions.is_feature(name))]
            if len(excepted) <= MOST_EXCEPTED:
                return [selector, *(["except", *map(quoted, excepted)] if excepted else [])]
        return None

    def _clips(self) -> Iterator[str]:
        """Columns with ordinary outliers, behind a `#`: they are no mistake."""
        tails = [
            (column.outliers.zscore, column)
            for column in self.report.columns
            if column.outliers is not None and column.outliers.zscore and self.suggestions.untouched(column)
        ]
        if not tails:
            return
        tails.sort(key=lambda tail: -tail[0])
        most = tails[:MOST_TOLD]
        counts = [f"{_short(c.name)} {count:,} ({percent(count, c.count)})" for count, c in most]
        yield ""
        yield "  # --- clipped: nothing, for an ordinary outlier is no mistake"
        yield ""
        more = f" and {several(len(tails) - len(most), 'more column')}" if len(tails) > len(most) else ""
        yield from _comment(f"beyond three deviations: {', '.join(counts)}{more}", "  ")
        names = [quoted(column.name) for _, column in most]
        yield from _rule(names, Suggestion(DROP, None, "zscore", "clip", "", active=False))

    def _contract(self) -> Iterator[str]:
        """Checks that hold today, behind a `#`."""
        untouched = [column for column in self.report.columns if self.suggestions.untouched(column)]
        everything = [column.name for column in self.report.columns]
        complete = [each.name for each in untouched if not each.missing and self.suggestions.nullable(each.name)]
        ranges: dict[str, list[str]] = {}
        for column in untouched:
            if (bounds := observed_range(column)) is not None:
                ranges.setdefault(bounds, []).append(column.name)
        if not complete and not ranges:
            return
        yield ""
        yield "  # --- a contract for the files to come: all of it holds today"
        yield ""
        check = Suggestion(KEEP, None, "missing", None, "", active=False)
        if complete and self.rows:
            words = self._selected(complete, everything) if len(complete) > MANY else None
            if words is not None:
                yield from _rule(words, check)
            elif len(complete) <= 10 * MANY:
                yield from _listed_rules(complete, check)
            else:
                yield from _comment(f"{len(complete):,} columns have no missing cell", "  ")
        for bounds, names in list(ranges.items())[:MOST_RANGES]:
            if len(names) <= MANY:
                yield from _listed_rules(names, replace(check, find=bounds))
            elif (words := self._selected(names, everything)) is not None:
                yield from _rule(words, replace(check, find=bounds))
            else:
                yield from _comment(
                    f"{bounds} holds {len(names):,} columns, among them {listed([*map(_short, names)], 3)}", "  "
                )
        if len(ranges) > MOST_RANGES:
            yield from _comment(f"and {len(ranges) - MOST_RANGES:,} more ranges: nanclean scan shows them", "  ")

    def _budget(self) -> Iterator[str]:
        settings = [
            (f'rows_dropped = "{limit_of(self.suggestions.going, self.rows)}"', "of all rows"),
            ("mean_shift = 0.5", "of a column's mean, in its deviations before"),
            (f'cells_changed = "{self.suggestions.cost}"', "of the cells of any one column"),
        ]
        if self.given.label:
            settings.insert(1, ('rows_dropped_per_class = "10%"', "of the rows of each value of the label"))
        width = max(len(setting) for setting, _ in settings)
        yield "# What cleaning may cost; over it: exit 4, and nothing is written."
        yield "# [budget]"
        yield from (f"# {setting:{width}}  # {meaning}" for setting, meaning in settings)


def _order(group: Sequence[Suggestion]) -> tuple[bool, bool, int]:
    """What is behind a # comes last, a rule for many columns after those that know better, guesses after facts."""
    name = group[0].find.partition("(")[0]
    return not group[0].active, len(group) > MANY, BLANKS.index(name) if name in BLANKS else -1


def _short(name: str) -> str:
    return quoted(shortened(name, 40))


def _why(group: Sequence[Suggestion]) -> Iterator[str]:
    """The evidence: a line for each column, the first ones of many."""
    if group[0].column is None:
        yield from _comment(group[0].why, "  ")
        return
    whys = {each.why for each in group}
    if len(whys) == 1 and len(group) > 1:
        yield from _comment(group[0].why, "  ")
        return
    shown_ones = list(group)
    if len(group) > MOST_TOLD:
        shown_ones = sorted(group, key=lambda each: -each.count)[: MOST_TOLD - 1]
    names = [_short(str(each.column)) + ":" for each in shown_ones]
    width = max(map(len, names))
    aligned = len(names) > 1 and all(width + 1 + len(each.why) + 4 <= WIDTH for each in shown_ones)
    for name, each in zip(names, shown_ones, strict=True):
        if aligned:
            yield escaped(f"  # {name:{width}} {each.why}")
        else:
            yield from _comment(f"{name} {each.why}", "  ")
    if len(group) > len(shown_ones):
        most = min(each.count for each in shown_ones)
        least = f", none with more than {several(most, 'cell')}" if most else ""
        yield from _comment(f"and {several(len(group) - len(shown_ones), 'more column')}{least}", "  ")


def _comment(text: str, indent: str = "") -> Iterator[str]:
    start = f"{indent}# "
    lines = textwrap.wrap(escaped(text), WIDTH - len(start), break_long_words=False, break_on_hyphens=False)
    yield from (start + line for line in lines)


def _listed_rules(names: Sequence[str], like: Suggestion) -> Iterator[str]:
    """Rules that name their columns, none longer than a rule may be."""
    words: list[str] = []
    for name in map(quoted, names):
        if sum(len(word) + 2 for word in words) + len(name) > LONGEST - 1_000:
            yield from _rule(words, like)
            words = []
        words.append(name)
    yield from _rule(words, like)


def _rule(words: Sequence[str], like: Suggestion) -> Iterator[str]:
    """A rule as an item of a TOML list: on one line, or on several between three quotes."""
    end = f": {like.find}"
    if like.limit:
        end += f" <= {like.limit}"
    if like.fix is not None:
        end += f" -> {like.fix}"
    pieces = [
        word + ("" if after in (None, "except") or word == "except" else ",")
        for word, after in zip(words, [*words[1:], None], strict=True)
    ]
    pieces[-1] += end
    start = "  " if like.active else "  # "
    whole = f"{start}{_toml(' '.join(pieces))},"
    if len(whole) <= WIDTH or len(pieces) == 1:
        yield whole
        return
    lines = [start + '"""' + _escaped(pieces[0])]
    for piece in map(_escaped, pieces[1:]):
        if len(lines[-1]) + len(piece) + 5 > WIDTH:
            lines.append(start + "  " + piece)
        else:
            lines[-1] += " " + piece
    lines[-1] += '""",'
    yield from lines


def _toml(text: str) -> str:
    return f'"{_escaped(text)}"'


def _toml_list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_toml, texts))}]"


def _escaped(text: str) -> str:
    """Text between the quotes of TOML: quotes and backslashes escaped, and what cannot be seen spelled out."""
    return "".join(
        f"\\{c}"
        if c in '"\\'
        else c
        if c.isprintable()
        else f"\\u{ord(c):04x}"
        if ord(c) < 0x10000
        else f"\\U{ord(c):08x}"
        for c in text
    )
