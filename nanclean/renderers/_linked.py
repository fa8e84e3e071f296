"""A finding with its file and its lines, for formats that link to them; and what there is to say of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote

from nanclean.escaping import escaped
from nanclean.finding import RANK, Finding
from nanclean.renderer import View
from nanclean.renderers import _words as words
from nanclean.renderers._facts import facts, is_everywhere
from nanclean.report import STILL, Report
from nanclean.wording import shown

_RULE = re.compile(r".+: [a-z_]+.* -> .+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ENCODED = re.compile(r"(%[0-9A-Fa-f]{2})")
_EMPTY = "''"
_OF_URLS = "/:?@!$&'()*+,;="


@dataclass(frozen=True)
class Linked:
    """One finding of one report."""

    report: Report
    finding: Finding
    root: str | None
    """The folder of the repository, if it is known."""
    nth: int = 0
    """How many findings of the same rule and severity the report has before it."""

    @property
    def is_still(self) -> bool:
        """Whether it is about a cleaned table as it leaves."""
        return self.report.output is not None and self.finding.message.startswith(STILL)

    @property
    def is_unread(self) -> bool:
        """Whether it says why the file could not be read."""
        return self.report.source.rows is None

    @property
    def is_known(self) -> bool:
        """Whether the baseline knows it."""
        return self.finding.baseline == "known"

    @property
    def path(self) -> str:
        """The file, below the root of the repository if it is in there. Not escaped."""
        return below(self._file, self.root)

    @property
    def uri(self) -> str:
        """The file as a URI."""
        return uri_of(self._file, self.root)

    @property
    def lines(self) -> list[int]:
        """Its first lines; none where every cell is meant, or where there are no lines."""
        return [] if is_everywhere(self.finding) else list(self.finding.lines or ())

    @property
    def further(self) -> list[tuple[str, int]]:
        """Its lines but the first, each with the URI of the file that it stands in."""
        if self.is_still:
            return [(self.uri, line) for line in self.lines[1:]]
        files = [self.report.source.located(place)[0] for place in self.finding.where or ()]
        return [(uri_of(file, self.root), line) for file, line in zip(files, self.lines, strict=False)][1:]

    @property
    def places(self) -> list[str]:
        """Its first places as people name them; none where every cell is meant."""
        return [] if is_everywhere(self.finding) else [escaped(place) for place in self.finding.where or ()]

    @property
    def where(self) -> str:
        """Its first places in few words."""
        more = (self.finding.count or 0) > len(self.places)
        return words.places(self.places, more, most=5)

    @property
    def title(self) -> str:
        """Column and rule."""
        return ": ".join(filter(None, (self.column, self.rule)))

    @property
    def rule(self) -> str:
        """The rule, at a length that can be shown."""
        return shown(self.finding.rule, 60) or _EMPTY

    @property
    def column(self) -> str:
        """The column, at a length that can be shown; nothing if the table as a whole is meant."""
        return "" if self.finding.column is None else shown(self.finding.column, 60) or _EMPTY

    @property
    def headline(self) -> str:
        """What is wrong, on one line."""
        finding = self.finding
        text = escaped(finding.message.partition("\n")[0]) or self.rule
        return text if finding.limit is None else f"{text}, allowed {escaped(finding.limit)}"

    @property
    def evidence(self) -> list[str]:
        """The other lines of its message."""
        return [escaped(line) for line in self.finding.message.split("\n")[1:] if line]

    @property
    def hints(self) -> list[str]:
        """What to do, a line each: rules to paste, and sentences."""
        return [escaped(line) for line in (self.finding.hint or "").split("\n") if line]

    @property
    def story(self) -> list[str]:
        """All there is to say, line by line."""
        own = self.finding.policy_line
        return [
            self.headline,
            *self.evidence,
            *([f"at {self.where}"] if self.where else []),
            *([f"rule: {escaped(self.finding.rule_text)} ({escaped(own)})"] if own is not None else []),
            *(["known: it is in the baseline"] if self.is_known else []),
            *(f"{'try' if is_rule(hint) else 'hint'}: {hint}" for hint in self.hints),
        ]

    def stops(self, fail_on: str) -> bool:
        """Whether it is a reason for the run to fail.

        What is still in the output of a fix that was published stops nothing.
        """
        return self.finding.fails(fail_on) and (self.report.output is None or self.report.exit_code != 0)

    @property
    def _file(self) -> str:
        output = self.report.output
        if self.is_still and output is not None and output.verified and output.path is not None:
            return output.path  # its rows are those of the output
        where = [] if is_everywhere(self.finding) else self.finding.where or []
        return self.report.source.located(where[0])[0] if where else self.report.source.path


def linked(reports: Iterable[Report], view: View) -> list[Linked]:
    """The findings of all reports, the worst first, what is common and mild after what is rare, known ones last."""
    found = [
        Linked(report, finding, view.root, nth)
        for report in reports
        for fact in facts(report)
        for nth, finding in enumerate(fact.findings)
    ]
    return sorted(found, key=lambda one: (one.is_known, RANK[one.finding.severity], not one.is_unread))


def shown_of(found: Iterable[Linked], view: View) -> list[Linked]:
    """Those that people are shown: notes and what the baseline knows only where everything is asked for."""
    return [one for one in found if view.verbose or (one.finding.severity != "info" and not one.is_known)]


def is_rule(hint: str) -> bool:
    """Whether a hint is a rule to paste, not a sentence."""
    return _RULE.fullmatch(hint) is not None


def below(path: str, root: str | None) -> str:
    """A path from the root of the repository, with slashes; as it is where it leads out of it, or there is none."""
    if root is None or path == "-" or _is_url(path):
        return path
    folder, name = os.path.split(os.path.abspath(path))
    try:  # the folder may be reached by a link, as on macOS; a file that is one (DVC's) has its name in the repository
        inside = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(root))
    except ValueError:  # another drive, or a NUL
        return path
    return path if inside.split(os.sep)[0] == os.pardir else _slashed(inside)


def uri_of(path: str, root: str | None) -> str:
    """A relative URI, percent-encoded; `file://` for a path from the root of the disk, and a URL as it is."""
    if _is_url(path):
        parts = _ENCODED.split(path)
        return "".join(part if n % 2 else quote(_bytes(part), safe=_OF_URLS) for n, part in enumerate(parts))
    told = below(path, root)
    if not os.path.isabs(told):
        return quote(_bytes(_slashed(told)))
    return "file://" + quote(_bytes("/" + _slashed(told).removeprefix("/")), safe="/:")


def _is_url(path: str) -> bool:
    return _URL.match(path) is not None


def _slashed(path: str) -> str:
    return PurePath(path).as_posix() if os.sep != "/" else path


def _bytes(text: str) -> bytes:
    """As they are on the disk, also those that are no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
