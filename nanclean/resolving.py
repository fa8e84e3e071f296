"""From the rules of a policy to steps: which columns each rule reaches, and whether it makes sense there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nanclean.batch import Batch
from nanclean.block import Block, Held
from nanclean.column import Column, Numbers
from nanclean.detector import NUMBERS, Detector
from nanclean.errors import PolicyError
from nanclean.fixer import Aim
from nanclean.grammar import Word, written
from nanclean.mistakes import Mistake, Mistakes
from nanclean.part import Call
from nanclean.policy import FEATURE, Policy
from nanclean.reach import Reach
from nanclean.rule import ALL, Rule
from nanclean.steps import Step, act
from nanclean.wording import listed, quoted, shown


@dataclass(frozen=True)
class Resolved:
    """The steps of a policy for one table, not fitted, and what there is to know about how they came about."""

    steps: tuple[Step, ...]
    columns: Mapping[str, Column]
    """Of the output, without rows, as far as it is known before anything is read: `drop_column` may take more away."""
    ragged: int | None = None
    """The rule that drops ragged records."""
    warnings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass
class Resolver:
    """Rules meet columns, one after the other. Mistakes are collected."""

    policy: Policy
    names: Sequence[str]
    types: Sequence[str]
    format: str
    columns: dict[str, Column]
    """Without rows, as the rules so far leave them."""
    mistakes: Mistakes = field(default_factory=Mistakes)
    skipped: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    ragged: int | None = None
    added: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reach = Reach(self.names, self.types, self.policy.role, self.mistakes)
        self.known = {name: view.type for name, view in self.columns.items()}
        """The types of all columns, as the rules so far leave them."""

    def resolved(self) -> Resolved:
        """All rules. PolicyError with every mistake."""
        for number, rule in enumerate(self.policy.rules):
            self._rule(number, rule)
        self.mistakes.demand()
        self.skipped += self.policy.of_two
        warnings = dict.fromkeys((*self.reach.warnings, *_disorder(self.steps, self.policy.rules)))
        return Resolved(
            tuple(self.steps), self.columns, self.ragged, tuple(warnings), tuple(dict.fromkeys(self.skipped))
        )

    def _rule(self, number: int, rule: Rule) -> None:
        where, key = _place(rule)
        if rule.find is not None and rule.find.whole:
            self._of_table(number, rule, where, key)
            return
        if not self.makes_sense(rule, where, key):
            return
        if rule.find is not None and rule.find.scope == "row":
            self._of_rows(number, rule, where, key)
            return
        steps = []
        for name, named in self._reached(rule, where, key).items():
            step = self._step(number, rule, name, named, where, key)
            if step is not None and self._works(step, where, key):
                steps.append(step)
        self._run(steps)
        self.steps += steps

    def _of_rows(self, number: int, rule: Rule, where: str, key: str | None) -> None:
        """One step for all columns that a row is judged by."""
        assert rule.find is not None
        columns = []
        for name, named in self._reached(rule, where, key).items():
            if name in self.columns:
                columns.append(name)
            else:
                self._skip(rule, name, "which is gone by then", named, where, key)
        if columns:
            self.steps.append(Step(number, columns[0], rule.find.over(columns), rule.fix))

    def _works(self, step: Step, where: str, key: str | None) -> bool:
        """Whether a fix takes its column; tried on no rows."""
        try:
            act([step], self._block(step.reads), {})
        except PolicyError as error:
            self.mistakes.add(error.message, where, key, error.hint)
            return False
        return True

    def _block(self, names: Collection[str]) -> Block:
        return Block(Batch(0, 0, ()), {name: Held(self.columns[name], None) for name in names if name in self.columns})

    def makes_sense(self, rule: Rule, where: str, key: str | None) -> bool:
        """Whether find and fix go together, whatever the column."""
        fix, find = rule.fix, rule.find
        if fix is None:
            if find is None:
                self.mistakes.add(f"{rule} has neither find nor fix", where, key)
            return find is not None
        first = str(rule.columns[0])
        if find is None and not (fix.whole or fix.optional):
            said = f"{fix} needs a find: what is to be done to which cells?"
            self.mistakes.add(said, where, key, hint=f"for example '{first}: missing -> {fix}'")
            return False
        if find is not None and fix.whole:
            said = f"{fix} takes every cell of the column, and goes without a find"
            self.mistakes.add(said, where, key, hint=f"write '{first} -> {fix}'")
            return False
        if find is not None and find.scope == "table" and not fix.counts:
            said = f"{find.name} is about a column as a whole, so {fix.name} has no cells to work on"
            self.mistakes.add(said, where, key, hint=f"write '{first}: {find} -> drop_column'")
            return False
        if find is not None and find.scope == "row" and not fix.drops:
            said = f"{find.name} is about rows as a whole, and {fix.name} is about cells"
            right = written(rule.columns, rule.excepted, find, None, Call("drop"))
            self.mistakes.add(said, where, key, hint=f"write '{right}'")
            return False
        return True

    def _of_table(self, number: int, rule: Rule, where: str, key: str | None) -> None:
        assert rule.find is not None
        if rule.columns != (ALL,) or rule.excepted:
            self.mistakes.add(f"{rule.find.name} is about the table; write @all: {rule.find}", where, key)
        elif rule.fix is not None and rule.find.name == "ragged" and rule.fix.drops:
            self.ragged = number
        elif rule.fix is not None:
            said = f"{rule.find.name} is about the table: {rule.fix.name} cannot repair it"
            self.mistakes.add(said, where, key, hint="leave the fix out")

    def _reached(self, rule: Rule, where: str, key: str | None) -> dict[str, bool]:
        """The names of the columns, and whether each may be changed though it is protected."""
        wanted = [word for word in rule.columns if not self._is_new(word)]
        found = {
            self.names[position]: named for position, named in self.reach.of(wanted, rule.excepted, where, key).items()
        }
        for word in rule.columns:
            if self._is_new(word):
                found[word.text] = True
            elif word.text in ("@label", "@id"):
                found |= {name: True for name in found if f"@{self.policy.role(name)}" == word.text}
        for word in rule.excepted:
            found.pop(word.text, None)
        return found

    def _is_new(self, word: Word) -> bool:
        """Whether a word names a column that a rule above has added."""
        return word.kind == "name" and word.text in self.added

    def _step(self, number: int, rule: Rule, name: str, named: bool, where: str, key: str | None) -> Step | None:
        column = self.columns.get(name)
        if column is None:  # taken out above
            self._skip(rule, name, "which is gone by then", named, where, key)
            return None
        find, fix = rule.find, rule.fix
        for part in (find, fix):
            if part is not None and column.type not in part.applies:
                kinds = "numeric" if part.applies >= NUMBERS and "text" not in part.applies else None
                kinds = kinds or listed(sorted(part.applies), 9)
                self._skip(rule, name, f"which is {column.type}: {part.name} is for {kinds} columns", named, where, key)
                return None
        if fix is not None and fix.changes and not named and self.policy.role(name) != FEATURE:
            role = self.policy.role(name)
            self.skipped.append(f"{rule}: not for {quoted(name)}, which is the {role} and changes only by name")
            fix = None
            if find is None:
                return None
        if fix is None:
            return Step(number, name, find, None)
        dtype = column.values.dtype if isinstance(column, Numbers) else None
        try:
            fix = fix.aimed(Aim(name, column.type, dtype, self.format, find, self.known))
        except PolicyError as error:
            if named:
                self.mistakes.add(error.message, where, key, error.hint)
            else:
                self.skipped.append(f"{rule}: not for {quoted(name)}: {error.message}")
            return None
        self.added.update(fix.adds())
        return Step(number, name, find, fix)

    def _skip(self, rule: Rule, name: str, why: str, named: bool, where: str, key: str | None) -> None:
        if named:
            self.mistakes.add(f"not for {quoted(name)}, {why}", where, key)
        else:
            self.skipped.append(f"{rule}: not for {quoted(name)}, {why}")

    def _run(self, steps: Sequence[Step]) -> None:
        """What the rule makes of the columns: tried on no rows."""
        block, _ = act(steps, self._block(self.columns), {})
        self.columns = {name: held.view for name, held in block.columns.items()}
        self.known = {name: view.type for name, view in self.columns.items()}


def senseless(policy: Policy) -> list[Mistake]:
    """Rules whose find and fix do not go together, whatever the columns."""
    resolver = Resolver(policy, (), (), "", {})
    for rule in policy.rules:
        if rule.find is None or not rule.find.whole:
            resolver.makes_sense(rule, *_place(rule))
    return resolver.mistakes.all


def _place(rule: Rule) -> tuple[str, str | None]:
    """Where a rule stands, for messages."""
    return rule.where or f"--rule {shown(str(rule), 60)!r}", rule.key if rule.where else None


def resolved(policy: Policy, names: Sequence[str], format: str, columns: Sequence[Column]) -> Resolved:
    """The steps of a policy for a table with these columns, given without rows. PolicyError with every mistake."""
    views = dict(zip(names, columns, strict=True))
    resolver = Resolver(policy, names, [view.type for view in columns], format, views, Mistakes(policy.mistakes))
    return resolver.resolved()


def _disorder(steps: Sequence[Step], rules: Sequence[Rule]) -> Iterator[str]:
    """Orders of rules that are seldom meant."""
    filled: dict[str, Step] = {}
    scaled: dict[str, Step] = {}
    for step in steps:
        if step.fix is None:
            continue
        above = filled.get(step.column)
        if above is not None and _bounds(step.find) and not step.fix.whole:
            yield (
                f"{rules[step.rule]} comes after {rules[above.rule]}: the values filled into {quoted(step.column)} "
                "were computed with what is bad here; put it above"
            )
        above = scaled.get(step.column)
        if above is not None and step.find is not None and not step.find.finite:
            yield (f"{rules[step.rule]} comes after {rules[above.rule]}, which stops at such cells; put it above")
        if step.find is not None and step.find.absent and not step.fix.voids and step.fix.needs:
            filled[step.column] = step
        if step.fix.whole and step.fix.needs:
            scaled[step.column] = step


def _bounds(find: Detector | None) -> bool:
    """Whether a find marks values that are too large or too small."""
    if find is None or find.scope != "cell" or not find.finite or find.absent:
        return False
    return bool(find.needs) or hasattr(find, "fences")
