"""`nanclean scan`: look, and report."""

from __future__ import annotations

import click

from nanclean.cli.options import Asked, shared


@click.command("scan", short_help="Look at files, and report what is wrong and how they look.")
@shared(fail_on="never", format="terminal")
def command(asked: Asked) -> int:
    """Look at files, and report what is wrong and how they look.

    FILE is CSV, Parquet or NPY. Several files give one report each.

    \b
    nanclean scan train.csv --label species
    nanclean scan X_train.npy --for torch
    nanclean scan train.csv --rule 'price: range(0, 10000) <= 0.1%'

    The exit code is 0 unless --fail-on says otherwise.
    """
    from nanclean.cli._reports import show

    return show(asked, "scan")[1]
