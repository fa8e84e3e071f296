"""What the user wants: roles, rules, limits and budgets, from a TOML file and from options. No numbers from data.

Reading writes mistakes down instead of stopping at the first; `Policy.checks` and `Policy.demand` raise all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, cast, overload

from nanclean import registry
from nanclean.detector import NUMBERS, Detector, Severity
from nanclean.errors import PolicyError
from nanclean.grammar import SELECTORS, Limit, Word
from nanclean.grammar import columns as read_columns
from nanclean.mistakes import Mistake, Mistakes
from nanclean.part import did_you_mean, member
from nanclean.reach import Reach
from nanclean.rule import ALL, Budget, Ignore, Rule, Spelling, builtin_finds, find, ignored, rule
from nanclean.trainers import Trainer
from nanclean.trainers import trainer as read_trainer
from nanclean.wording import listed, quoted, shown

FILE = "nanclean.toml"
MOST_RULES = 1_000
MISSING_LISTS = ("auto", "pandas", "none")
FEATURE, LABEL, ID = "feature", "label", "id"


OF_TWO = "compares two datasets; nanclean compare and check --against hold it"
"""Why a limit of drift is skipped where there is one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One find for one column, or for the table."""

    find: Detector
    column: int | None
    """Its position among all columns of the table; None: the table as a whole."""
    severity: Severity
    """Of a hit without a limit, or beyond it."""
    limit: Limit | None
    text: str
    """The rule, in its one spelling."""
    line: int | None = None
    """Of the policy."""
    name: str | None = None
    """What a policy calls the rule."""
    builtin: bool = False
    settled: bool = False
    """The severity was chosen by a rule, a role or a trainer; what is found does not change it."""
    where: str | None = None
    """`nanclean.toml:7`."""
    fixed: bool = False
    """The rule has a fix."""
    columns: tuple[int, ...] = ()
    """Of a find about rows: the positions of the columns that a row is judged by."""

    def judged(self, count: int, of: int) -> Severity:
        """The severity of `count` hits in `of`: info while the limit holds."""
        if self.limit is not None and not self.limit.exceeded(count, of):
            return "info"
        return self.severity


@dataclass(frozen=True)
class Checks(Sequence[Check]):
    """All checks of a table, those of rules first, and what there is to know about how they came about."""

    all: tuple[Check, ...]
    warnings: tuple[str, ...] = ()
    """Globs and selectors that match nothing."""
    skipped: tuple[str, ...] = ()
    """Rules that reach a column by a glob or a selector, and do not apply to its type."""

    def __len__(self) -> int:
        return len(self.all)

    @overload
    def __getitem__(self, index: int) -> Check: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Check, ...]: ...
    def __getitem__(self, index: int | slice) -> Check | tuple[Check, ...]:
        return self.all[index]

    def __iter__(self) -> Iterator[Check]:
        return iter(self.all)


@dataclass(frozen=True)
class Policy:
    """What the user wants. `Policy()` is the built-in checks and nothing else."""

    label: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """More spellings of "missing", for every column."""
    missing_list: Literal["auto", "pandas", "none"] | None = None
    trainer: Trainer | None = None
    ignore: tuple[Ignore, ...] = ()
    rules: tuple[Rule, ...] = ()
    """About one dataset."""
    drift: tuple[Rule, ...] = ()
    """About two: `compare`, `apply` and `check --against` hold them."""
    columns: Mapping[str, Spelling] = field(default_factory=dict)
    budget: Budget | None = None
    chosen: tuple[Word, ...] = ()
    """The columns to read (`--columns`). None: all."""
    unchosen: tuple[Word, ...] = ()
    """Those after `except`."""
    path: str | None = None
    """The file it came from, as it was named."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Where label and id were named, for messages."""
    mistakes: tuple[Mistake, ...] = ()

    @property
    def description(self) -> str:
        """Which rules are used: `nanclean.toml (8) + built-in`."""
        rules = (*self.rules, *self.drift)
        of_file = sum(rule.where is not None for rule in rules)
        parts = [] if self.path is None else [f"{self.path} ({of_file})"]
        if of_file < len(rules):
            parts.append(f"--rule ({len(rules) - of_file})")
        parts.append("built-in" if self.trainer is None else f"built-in for {self.trainer}")
        return " + ".join(parts)

    @property
    def of_two(self) -> list[str]:
        """The rules that a look at one dataset knows nothing of, in words."""
        return [f"{rule}: {OF_TWO}" for rule in self.drift]

    def demand(self) -> Self:
        """Itself, if nothing is wrong with it. PolicyError with every mistake otherwise."""
        Mistakes(self.mistakes).demand()
        return self

    def merged(self, over: Policy) -> Policy:
        """This policy with another over it, as options over a file. Lists grow, single answers are replaced."""
        return replace(
            self,
            label=over.label or self.label,
            id=over.id or self.id,
            missing=tuple(dict.fromkeys((*self.missing, *over.missing))),
            missing_list=over.missing_list or self.missing_list,
            trainer=over.trainer or self.trainer,
            ignore=(*self.ignore, *over.ignore),
            rules=(*self.rules, *over.rules),
            drift=(*self.drift, *over.drift),
            columns={**self.columns, **over.columns},
            budget=over.budget or self.budget,
            chosen=over.chosen or self.chosen,
            unchosen=over.unchosen if over.chosen else self.unchosen,
            path=self.path if self.path is not None else over.path,
            said={**self.said, **over.said},
            mistakes=(*self.mistakes, *over.mistakes),
        )

    def without_rules(self, names: Collection[str]) -> Self:
        """The built-in checks alone, for a table with these columns."""

        def there(ignore: Ignore) -> bool:
            return all(word.kind != "name" or word.text in names for word in (*ignore.columns, *ignore.excepted))

        return replace(
            self,
            rules=(),
            drift=(),
            ignore=tuple(filter(there, self.ignore)),
            budget=None,
            columns={name: spelling for name, spelling in self.columns.items() if name in names},
            label=tuple(name for name in self.label if name in names),
            id=tuple(name for name in self.id if name in names),
        )

    def role(self, name: str) -> str:
        """The role of a column: feature, label or id."""
        return LABEL if name in self.label else ID if name in self.id else FEATURE

    def declared(self, name: str) -> frozenset[str]:
        """The spellings of "missing" that the policy adds for a column."""
        spelling = self.columns.get(name)
        return frozenset(self.missing if spelling is None else (*self.missing, *spelling.missing))

    def type(self, name: str) -> str | None:
        """The type that the policy demands for a column."""
        spelling = self.columns.get(name)
        return None if spelling is None else spelling.type

    def selected(self, names: Sequence[str], types: Sequence[str] | None = None) -> list[int]:
        """The positions of the columns to read. PolicyError if a word of `--columns` reaches none."""
        mistakes = Mistakes()
        positions = self._selected(Reach(names, types, self.role, mistakes))
        mistakes.demand()
        return positions

    def checks(self, names: Sequence[str], types: Sequence[str] | None = None) -> Checks:
        """The checks of a table with columns of these names (all different) and types.

        types: None while they are not known; then names are checked, and checks of columns left out.

        Raises PolicyError with every mistake: those of reading, literal names that are no column, and finds that do
        not apply to the type of a column that is named.
        """
        mistakes = Mistakes(self.mistakes)
        reach = Reach(names, types, self.role, mistakes)
        self._check_names(reach)
        chosen = self._selected(reach)
        skipped: list[str] = []
        new: set[str] = set()
        retyped: set[int] = set()
        of_rules: list[Check] = []
        for each in self.rules:
            of_rules += self._of_rule(each, reach, skipped, new, retyped)
            if each.fix is not None and each.find is not None:
                new.update(added for name in names for added in each.fix.names(name, each.find))
        for each in self.drift:
            reach.of(each.columns, each.excepted, each.where or f"--rule {shown(str(each), 60)!r}", each.key)
        skipped += self.of_two
        reading = {None, *chosen}
        of_rules = [replace(each, columns=tuple(filter(reading.__contains__, each.columns))) for each in of_rules]
        of_rules = [each for each in of_rules if each.column in reading and (each.columns or each.find.scope != "row")]
        without = {(check.find.name, check.column) for check in of_rules} | self._ignored(reach)
        mistakes.demand()
        builtin = [check for check in self._builtin(reach, chosen) if (check.find.name, check.column) not in without]
        return Checks(
            (*dict.fromkeys(of_rules), *builtin),
            tuple(dict.fromkeys(reach.warnings)),
            tuple(dict.fromkeys(skipped)),
        )

    def _selected(self, reach: Reach) -> list[int]:
        everything = list(range(len(reach.names)))
        if not self.chosen:
            return everything
        by_type = [word.text for word in (*self.chosen, *self.unchosen) if word.text in SELECTORS]
        if by_type and reach.types is None:
            said = f"{by_type[0]} goes by type, which is not known of text before it is read; name the columns"
            reach.mistakes.add(said, "--columns")
            return everything
        before = len(reach.mistakes.all)
        reached = sorted(reach.of(self.chosen, self.unchosen, "--columns"))
        if not reached and len(reach.mistakes.all) == before:
            reach.mistakes.add("no column is left to read", "--columns")
        return reached

    def _check_names(self, reach: Reach) -> None:
        for role, wanted in ((LABEL, self.label), (ID, self.id)):
            for name in wanted:
                reach.missing(name, self.said.get(role), role)
        for name, spelling in self.columns.items():
            reach.missing(name, spelling.where, "columns")
        for name in self.label:
            if name in self.id:
                reach.mistakes.add(f"{shown(name)!r} cannot be label and id at once", self.said.get(ID), ID)

    def _of_rule(
        self, rule: Rule, reach: Reach, skipped: list[str], new: Collection[str], retyped: set[int]
    ) -> Iterator[Check]:
        """The checks of one rule. `new`: names of columns that the rules above may add; they are not there yet.

        retyped: columns that the rules above may give another type; this one is written down there as well.
        """
        text, find = str(rule), rule.find
        absent = [word for word in rule.columns if word.text in new and word.text not in reach.position]
        skipped += [f"{text}: not for {word}, which a rule above adds" for word in absent if find is not None]
        where = rule.where or f"--rule {shown(text, 60)!r}"
        key = rule.key if rule.where else None
        read = [word for word in rule.columns if word not in absent]
        reached = reach.of(read, rule.excepted, where, key)
        above = frozenset(retyped)
        if rule.fix is not None and rule.fix.rescales:
            retyped.update(reached)
        if find is None:
            return
        severity = rule.severity or ("info" if rule.fix is not None and rule.limit is None else "error")
        check = partial(
            Check, find, severity=severity, limit=rule.limit, text=text, line=rule.line, name=rule.name,
            settled=True, where=rule.where, fixed=rule.fix is not None,
        )  # fmt: skip
        if find.whole:
            if rule.columns != (ALL,) or rule.excepted:
                reach.mistakes.add(f"{find.name} is about the table; write @all: {find}", where, key)
            yield check(column=None)
            return
        if find.scope == "row":
            if reach.types is not None and reached:
                yield check(column=None, columns=tuple(sorted(reached)))
            return
        for position, named in reached.items() if reach.types is not None else ():
            type_, name = cast(Sequence[str], reach.types)[position], quoted(reach.names[position])
            if type_ in find.applies:
                yield check(column=position)
            elif position in above:
                skipped.append(f"{text}: not for {name}, which is {type_} until a rule above changes that")
            elif named:
                kinds = "numeric" if find.applies >= NUMBERS else listed(sorted(find.applies), 9)
                said = f"{find.name} is for {kinds} columns, and {name} is {type_}"
                reach.mistakes.add(said, where, key, hint=f"leave {name} out of the rule")
            else:
                skipped.append(f"{text}: not for {name}, which is {type_}")

    def _ignored(self, reach: Reach) -> set[tuple[str, int | None]]:
        without: set[tuple[str, int | None]] = set()
        for ignore in self.ignore:
            reached = reach.of(ignore.columns, ignore.excepted, ignore.where or "--ignore", "ignore")
            if ignore.find in registry.names("drifts"):
                continue
            whole = cast(type[Detector], member("detectors", ignore.find)).whole
            without |= {(ignore.find, None)} if whole else {(ignore.find, position) for position in reached}
        return without

    def _builtin(self, reach: Reach, chosen: Sequence[int]) -> Iterator[Check]:
        for whole in builtin_finds():
            if whole.whole:
                yield Check(whole, None, whole.severity, None, f"@all: {whole}", builtin=True)
        if reach.types is None:
            return
        finds: dict[tuple[str, str], list[tuple[Detector, str, Severity, bool]]] = {}
        for position in chosen:
            kind = reach.types[position], self.role(reach.names[position])
            if kind not in finds:
                finds[kind] = [
                    (check, str(check), severity, settled) for check, severity, settled in self._finds(*kind)
                ]
            name = quoted(reach.names[position])
            for check, text, severity, settled in finds[kind]:
                yield Check(check, position, severity, None, f"{name}: {text}", builtin=True, settled=settled)

    def _finds(self, type_: str, role: str) -> Iterator[tuple[Detector, Severity, bool]]:
        """The built-in finds for columns of a type and a role, with severity, and whether that is settled."""
        trainer = None if role == ID else self.trainer
        instead = () if trainer is None else trainer.instead
        for check, severity in instead:
            if type_ in check.applies:
                yield check, severity, True
        replaced = {check.name for check, _ in instead}
        for check in builtin_finds():
            if check.whole or check.name in replaced or type_ not in check.applies or role not in check.roles:
                continue
            chosen = trainer and trainer.severity(check.name, type_)
            if role == LABEL and check.name in ("missing", "infinite", "all_missing"):
                chosen = "error"
            yield check, chosen or check.severity, chosen is not None


# --- where it comes from


def from_options(
    *,
    rules: Iterable[str] = (),
    label: str | Iterable[str] | None = None,
    id: str | Iterable[str] | None = None,
    missing: str | Iterable[str] = (),
    missing_list: str | None = None,
    columns: str | Iterable[str] | None = None,
    trainer: str | None = None,
    ignore: str | Iterable[str] = (),
) -> Policy:
    """The policy that options ask for. Mistakes are in `mistakes`.

    rules, missing, ignore, label, id: one text or several. columns: one text such as `a, b* except c`, or several.
    """
    mistakes = Mistakes()
    if missing_list is not None and missing_list not in MISSING_LISTS:
        mistakes.add(f"{shown(missing_list)!r}{did_you_mean(missing_list, MISSING_LISTS)}", "--missing-list")
        missing_list = None
    lists = [mistakes.held(read_columns, text, "--columns") for text in _several(columns)]
    texts = _several(rules)
    if len(texts) > MOST_RULES:
        mistakes.add(f"{len(texts):,} rules; at most {MOST_RULES:,}", "--rule")
        texts = ()
    read_rules = [mistakes.held(rule, text, f"--rule {shown(text, 60)!r}") for text in texts]
    read_ignore = [mistakes.held(ignored, text, "--ignore") for text in _several(ignore)]
    policy = Policy(
        label=_several(label),
        id=_several(id),
        missing=_several(missing),
        missing_list=cast(Any, missing_list),
        trainer=None if trainer is None else mistakes.held(read_trainer, trainer, "--for"),
        ignore=tuple(each for each in read_ignore if each is not None),
        **by_kind(each for each in read_rules if each is not None),
        chosen=tuple(word for each in lists if each is not None for word in each[0]),
        unchosen=tuple(word for each in lists if each is not None for word in each[1]),
        said={role: f"--{role}" for role, value in ((LABEL, label), (ID, id)) if value},
    )
    return replace(policy, mistakes=tuple(mistakes.all))


def by_kind(rules: Iterable[Rule]) -> dict[str, Any]:
    """Rules as a policy keeps them: those about one dataset, and those about two."""
    rules = tuple(rules)
    return {
        "rules": tuple(each for each in rules if each.drift is None),
        "drift": tuple(each for each in rules if each.drift is not None),
    }


def _several(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


PRESETS = ("safe",)


def preset(name: str, policy: Policy) -> Policy:
    """A policy of rules that come with the program, for the label that another policy names.

    `safe` invents no value: infinities and declared stand-ins become missing, rows without a label are set aside.
    """
    mistakes = Mistakes()
    if name not in PRESETS:
        mistakes.add(f"there is no preset {shown(name)!r}{did_you_mean(name, PRESETS)}", "--preset")
        return Policy(mistakes=tuple(mistakes.all))
    texts = ["@all: infinite -> blank", "@all: missing -> blank"]
    if policy.label:
        texts.insert(0, "@label: missing -> drop")
    return Policy(rules=tuple(rule(text) for text in texts))


def found(folder: str | Path = ".") -> Policy | None:
    """The policy of a folder: its nanclean.toml, otherwise `[tool.nanclean]` of its pyproject.toml."""
    folder = Path(folder)
    if (folder / FILE).is_file():
        return read(folder / FILE)
    project = folder / "pyproject.toml"
    try:
        speaks_of_it = project.is_file() and b"nanclean" in project.read_bytes()
    except OSError:
        return None
    return read(project) if speaks_of_it else None


def read(path: str | Path) -> Policy | None:
    """A policy file. Mistakes in it are in `mistakes`. None: a pyproject.toml without `[tool.nanclean]`.

    Raises PolicyError if there is no such file or it cannot be opened.
    """
    from nanclean.policy_file import LARGEST  # tomllib is not needed for options alone

    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        near = registry.nearest(path.name, _beside(path))
        hint = f"did you mean {near}?" if near else None
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such policy" if missing else getattr(error, "strerror", None) or str(error)
        raise PolicyError(f"{shown(path, 200)}: {reason}", hint=hint) from None
    return parsed(data, str(path), ("tool", "nanclean") if path.name == "pyproject.toml" else ())


def parsed(data: bytes, path: str, prefix: tuple[str, ...] = ()) -> Policy | None:
    """The policy in the bytes of a TOML file, below some keys. None: there is nothing below them."""
    from nanclean.policy_file import fields_of

    fields, mistakes = fields_of(data, shown(path, 200), prefix)
    if fields is None and not mistakes:
        return None
    return Policy(**(fields or {}), path=shown(path, 200), mistakes=tuple(mistakes))


def _beside(path: Path) -> list[str]:
    try:
        return [other.name for other in path.parent.iterdir() if other.suffix == ".toml"]
    except OSError:
        return []


__all__ = ["FILE", "Check", "Checks", "Policy", "find", "found", "from_options", "parsed", "read", "rule"]
