"""From what stands on a command line to the files that it means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator

from nanclean.errors import InputError, UsageError

PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Behind the ending of a table: one, too. What cannot be read must not be passed over as if it were good."""


def meant(files: Iterable[str]) -> Iterator[str | InputError]:
    """The files, those that a quoted pattern means among them; in the place of a pattern that means none an error."""
    for file in files:
        if "://" not in file and glob.has_magic(file) and not os.path.lexists(file):
            found = sorted(glob.glob(file, recursive=True))
            yield from found
            if not found:
                yield InputError(f"{file}: no file has such a name", hint="it is a pattern: * ? [..] **")
        else:
            yield file


def tables(files: Iterable[str]) -> Iterator[str | UsageError | InputError]:
    """The same, with the tables in and below folders in their place, in the order of their names.

    Names that begin with a dot or an underscore, and links to folders, are passed over. An error instead of a path: a
    folder that cannot be looked into, or without a table, so that neither can pass for a good one.
    """
    for file in meant(files):
        if isinstance(file, InputError) or not os.path.isdir(file):
            yield file
            continue
        found = list(_below("" if file == os.curdir else file))
        if not found:
            looked_for = " ".join(sorted(_endings()))
            yield UsageError(f"{file}: there is no table in this folder", hint=f"looked for: {looked_for}")
        yield from found


def _endings() -> set[str]:
    """What is looked for in a folder. Most files that end in .txt are prose."""
    from nanclean.dataset import PROSE, suffixes  # where a folder is meant

    return {*suffixes()} - {PROSE}


def _below(folder: str) -> Iterator[str | InputError]:
    try:
        with os.scandir(folder or os.curdir) as entries:
            within = sorted((e for e in entries if not e.name.startswith((".", "_"))), key=lambda entry: entry.name)
    except OSError as error:
        yield InputError(
            f"{folder}: {(error.strerror or str(error)).lower()}", hint=f"look at it with: ls -ld {folder}"
        )
        return
    endings = tuple(end + packed for end in _endings() for packed in ("", *PACKED))
    for entry in within:
        path = os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(path)
        elif entry.name.lower().endswith(endings) and not entry.is_dir():
            yield path
