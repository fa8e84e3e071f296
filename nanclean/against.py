"""`check --against`: yesterday's data, as a recipe or a report remembers them, are the contract of today's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nanclean.detector import NUMBERS
from nanclean.drifting import TRAINING, Before, Judge, Now, pairs
from nanclean.finding import Finding
from nanclean.mistakes import Mistakes
from nanclean.policy import Policy
from nanclean.profile import Profile
from nanclean.reading import Reading
from nanclean.recipe import Recipe
from nanclean.reference import as_trained, of_recipe, of_report, types_found
from nanclean.report import Report
from nanclean.scanning import Scan
from nanclean.statistics import Figures
from nanclean.wording import several


@dataclass
class Contract:
    """What was: it is held against a table that is being scanned."""

    reference: Recipe | Report
    policy: Policy
    """Of the user, with the limits of drift."""

    def policy_for(self, names: Sequence[str], *, lexical: bool) -> Policy:
        """The policy of the scan: drift is judged here, and text is read as what it was.

        What a recipe says of roles and of spellings of "missing" holds, too, where the user says nothing.
        """
        policy = self.policy
        if isinstance(self.reference, Recipe):
            policy = self._roles(self.reference.policy.without_rules(names)).merged(policy)
            policy = replace(policy, path=self.policy.path)
            if lexical:
                policy = as_trained(policy, self.reference, names)
        known = {*names, *(column.name for column in self.reference.columns)}
        mistakes = Mistakes(self.policy.mistakes)
        if not mistakes.all:  # names of columns that are gone are no mistakes in limits of drift
            replace(self.policy, rules=(), columns={}, label=(), id=(), chosen=(), unchosen=()).checks(sorted(known))
        return replace(policy, drift=())

    @staticmethod
    def _roles(policy: Policy) -> Policy:
        return Policy(
            label=policy.label, id=policy.id, missing=policy.missing, missing_list=policy.missing_list,
            columns=policy.columns,
        )  # fmt: skip

    def broken(
        self, scan: Scan, reading: Reading, profile: Profile, figures: Mapping[int, Figures]
    ) -> Sequence[Finding]:
        """What of the table breaks it, what only differs, and where the cells are."""
        now = Now(scan.source, scan.table, reading, profile, figures)
        looked_at = {scan.names[i] for i in scan.chosen}
        if isinstance(self.reference, Recipe):
            known, word = of_recipe(self.reference), TRAINING
            types: dict[str, str] | None = dict(
                zip(scan.names, types_found(self.reference, scan.names, reading, profile), strict=True)
            )
        else:
            known, word, types = of_report(self.reference), "before", None
        if len(looked_at) < len(scan.names):
            known = {name: each for name, each in known.items() if name in looked_at}
        both = pairs(Before(known), now, scan.memory // 4, word, types)
        limits = replace(self.policy, rules=(), label=scan.policy.label, id=scan.policy.id)
        found = list(Judge(limits, contract=True, shown=scan.values).drifted(both, now).findings)
        return [*found, *(_untold(self.reference) if isinstance(self.reference, Report) else ())]


def _untold(report: Report) -> Iterator[Finding]:
    """What a report does not know, so that nothing can be held against it."""
    hidden = sum(column.type in NUMBERS and bool(column.finite) and column.min is None for column in report.columns)
    if hidden:
        said = f"the older report tells no values: ranges and distributions of {several(hidden, 'column')} are not held"
        yield Finding(rule="policy", rule_text="--against", severity="warning", message=said)
    many = sum(
        column.type == "text" and column.distinct is not None and column.distinct > len(column.top or ())
        for column in report.columns
    )
    if many:
        said = f"a report holds ten categories of a column: those of {several(many, 'column')} are not held"
        yield Finding(
            rule="policy",
            rule_text="--against",
            severity="info",
            message=said,
            hint="a recipe holds 1,000: nanclean fit",
        )
