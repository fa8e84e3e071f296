"""`nanclean check`: the gate."""

from __future__ import annotations

from typing import Any

import click

from nanclean.cli.options import Asked, as_one, engines, sample, seed, shared

SHOWS_FIGURES = frozenset({"html", "terminal"})
"""Reports in which the figures of all columns are looked at."""


@click.command("check", short_help="The gate: a line for each finding; exit 1 on errors.")
@click.option("--against", metavar="R.json", help="A recipe whose data are the contract: types, ranges, categories.")
@click.option("--baseline", metavar="FILE", help="Fail on findings only that are new, or worse than in this file.")
@click.option("--update-baseline", is_flag=True, help="Write that file: what is found now is known from now on.")
@as_one
@sample
@seed
@engines
@shared(fail_on="error", format="text")
def command(
    asked: Asked, against: str | None, baseline: str | None, update_baseline: bool, as_one: bool,
    sample: float | None, seed: int, **engine: Any,
) -> int:  # fmt: skip
    """The gate: a line for each finding, and exit 1 if one is an error.

    FILE is a table, a pattern, or a folder, of which every table is checked. A file that cannot be read fails, too,
    with exit 3, and never hides another; --as-one makes one table of them. Only what the rules need is measured.

    \b
    nanclean check data/
    nanclean check train.csv -p nanclean.toml --strict
    nanclean check today.csv --against clean.json
    nanclean check data/ --baseline known.json --update-baseline
    """
    from dataclasses import replace
    from functools import partial

    from nanclean.baseline import Baseline
    from nanclean.cli import tell
    from nanclean.cli._files import tables
    from nanclean.cli._reports import repeated, show, typed
    from nanclean.errors import UsageError
    from nanclean.outputs import write_text
    from nanclean.policy import OF_TWO
    from nanclean.wording import several

    if update_baseline and baseline is None:
        raise UsageError("--update-baseline needs a file to write", hint="--baseline known.json --update-baseline")
    known = None if baseline is None else Baseline.read(baseline, new=update_baseline)
    options: dict[str, Any] = {"as_one": as_one, "sample": sample, "seed": seed, **engine}
    read = [against, baseline]
    if against is not None:
        options["against"] = against
    if SHOWS_FIGURES.intersection([asked.format, *(format for format, _ in asked.written)]):
        options["figures"] = True
    if known is None or baseline is None:
        reports, code = show(asked, "check", tables(asked.files), read=read, **options)
    elif update_baseline:
        reports, code = show(replace(asked, fail_on="never"), "check", tables(asked.files), read=read, **options)
        known.learn(reports)
        write_text(baseline, known.to_json())
        tell("note", f"known from now on, in {baseline}: {several(known.count, 'finding')}")
    else:
        judged = partial(known.judged, fail_on=asked.fail_on or "error")
        reports, code = show(asked, "check", tables(asked.files), judged, read, **options)
        if gone := known.gone(reports):
            few = "1 finding is" if gone == 1 else f"{gone:,} findings are"
            tell("note", f"{few} in {baseline} and not in the data any more; --update-baseline takes them out")
    if any(finding.message.endswith(OF_TWO) for report in reports for finding in report.findings):
        tell("note", "limits of drift in the policy need older data; they were not held: --against R.json")
    if code == 1 and asked.format == "text" and not asked.quiet:
        path = next(report.source.path for report in reports if report.exit_code)
        path = "--as-one FILE..." if as_one else typed(path)
        if against is None:
            tell("hint", f"nanclean scan {path}{repeated(asked, rules=True)} tells more, and the rules that repair it")
        elif not as_one:
            tell("hint", f"nanclean compare {typed(against)} {path} shows how the columns differ")
    return code
