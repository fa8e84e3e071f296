"""`nanclean scan`: look, and report."""

from __future__ import annotations

from typing import Any

import click

from nanclean.cli.options import Asked, as_one, engines, profile, sample, seed, shared


@click.command("scan", short_help="Look at files, and report what is wrong and how they look.")
@as_one
@sample
@seed
@profile
@engines
@shared(fail_on="never", format="terminal")
def command(asked: Asked, as_one: bool, sample: float | None, seed: int, profile: str | None, **engine: Any) -> int:
    """Look at files, and report what is wrong and how they look.

    FILE is CSV or JSON Lines (.gz .bz2 .xz .zst, too), Parquet, Arrow, NPY or NPZ, or a URL (s3://bucket/x.csv); - is
    standard input. Several files give one report each; a folder is one dataset of all tables in and below it.

    \b
    nanclean scan train.csv --label species
    nanclean scan X_train.npy --for torch
    nanclean scan data/
    nanclean scan --as-one part-1.csv part-2.csv
    nanclean scan big.parquet --sample 1%
    nanclean scan train.csv --rule 'price: range(0, 10000) <= 0.1%'

    With --sample every figure and finding is that of the sample and says so, with the bound that it proves.
    The exit code is 0 unless --fail-on says otherwise.
    """
    from nanclean.cli._reports import show

    return show(asked, "scan", as_one=as_one, sample=sample, seed=seed, profile=profile, **engine)[1]
