"""What is to be written: names of files, and what their endings ask for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from nanclean import registry
from nanclean.draft import Draft
from nanclean.errors import UsageError
from nanclean.format import ReadOptions, Source


@dataclass(frozen=True)
class Wish:
    """What is to be written, and how."""

    output: str | None = None
    """None: nothing; the rules run all the same, and the report tells what they would do."""
    rejected: str | None = None
    """Where dropped rows go. None: beside the output."""
    keep_rejected: bool = True
    recipe: str | None = None
    """Where the recipe goes."""
    fail_on: str | None = None
    """None: errors of the policy's own rules stop the output, and what is still in it does not."""
    disjoint: bool = False
    """Warn of rows of the training data."""


def format_of(path: str) -> str:
    """The format that a file name asks for. UsageError if there is none."""
    suffix = os.path.splitext(path)[1].lower()
    for name in registry.names("formats"):
        module_suffixes = getattr(registry.module("formats", name), "suffixes", ())
        if suffix and suffix in module_suffixes:
            return name
    known = ".csv, .parquet or .npy"
    raise UsageError(f"{path}: what kind of file is it to be?", hint=f"let the name end in {known}")


def rejected_path(wish: Wish) -> str | None:
    """Where rejected rows go; None: nowhere."""
    if wish.output is None or not wish.keep_rejected:
        return None
    if wish.rejected is not None:
        return wish.rejected
    stem, suffix = os.path.splitext(wish.output)
    return f"{stem}.rejected{'.parquet' if suffix.lower() in ('.parquet', '.pq') else '.csv'}"


def write_text(path: str, text: str) -> None:
    """A text file, whole or not at all."""
    draft = Draft(path)
    try:
        with open(draft.path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        draft.sync()
        draft.publish()
    finally:
        draft.discard()


def copy(source: Source, path: str) -> None:
    """The bytes of a source's file."""
    with open(source.path, "rb") as read, open(path, "wb") as written:
        while piece := read.read(1 << 20):
            written.write(piece)
    source.check()


def options_for(options: ReadOptions, path: str) -> ReadOptions:
    """How the source was read; of a file that becomes CSV, a tab where its name says so."""
    if options.delimiter is None and path.lower().endswith((".tsv", ".tab")):
        return replace(options, delimiter="\t")
    return options
