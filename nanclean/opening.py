"""The way in: a path, or something in memory, becomes a source."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import fields
from types import ModuleType
from typing import cast

from nanclean import registry
from nanclean.errors import InputError, UsageError
from nanclean.format import ReadOptions, Source

TEXT = "csv"
"""The format of a file that no other knows by its beginning."""
OBJECTS = "frame"

TEXT_OPTIONS = frozenset({"encoding", "delimiter", "header", "decimal"})
COMMON_OPTIONS = frozenset({"columns"})

_SHEET = "in Excel or LibreOffice: save as CSV; in Python: pandas.read_excel(path).to_csv('table.csv', index=False)"
_JSON = "in Python: pandas.read_json(path).to_parquet('table.parquet'); lines=True for .jsonl"
_PICKLE = "save it as .csv, .parquet or .npy"
FOREIGN = (
    (rb"PK\x03\x04", "a ZIP archive", "unpack it first"),
    (rb"\xd0\xcf\x11\xe0", "an old Office file", _SHEET),
    (rb"\x80[\x02-\x05]", "a pickle, which can run any code, and is never opened", _PICKLE),
    (rb"\x89HDF", "an HDF5 file", "in Python: pandas.read_hdf(path).to_parquet('table.parquet')"),
    (rb"ARROW1\0", "an Arrow or Feather file", "in Python: pandas.read_feather(path).to_parquet('table.parquet')"),
    (rb"SQLite format 3\0", "an SQLite database", "export: sqlite3 -csv -header path 'select * from …' > table.csv"),
    (rb"%PDF-", "a PDF file", "save the table in it as .csv"),
)
"""Beginnings of files that people try, what they are, and what to do."""
COMPRESSED = (
    (rb"\x1f\x8b", ".gz"),
    (rb"BZh[1-9]1AY&SY", ".bz2"),
    (rb"\xfd7zXZ", ".xz"),
    (rb"\x28\xb5\x2f\xfd", ".zst"),
)
FOREIGN_SUFFIXES = {
    ".npz": ("holds several arrays", "np.save each of them: np.save('x.npy', np.load(path)['x'])"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), ("is JSON, which is not read yet", _JSON)),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"), ("is a spreadsheet", _SHEET)),
}


_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]|^\x93")
"""What no beginning of a text has, but in UTF-16."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def opened(source: object, options: ReadOptions | None = None) -> Source:
    """A source for a path, or for something in memory, which is never changed.

    Raises UsageError for what nobody can read or an option that means nothing to the format, InputError for a file
    that is not there or damaged.
    """
    options = options or ReadOptions()
    if not isinstance(source, str | os.PathLike):
        module = registry.module("formats", OBJECTS)
        _refuse_strangers(type(source).__name__, "something in memory", module, options)
        return cast(Source, module.opened(source, options))
    path = os.fsdecode(os.fspath(source))
    name, module = _format_of(path, _beginning(path))
    _refuse_strangers(path, f"{name.upper() if len(name) < 4 else name.title()} files", module, options)
    return cast(Source, module.opened(path, options))


def _beginning(path: str) -> bytes:
    """The first bytes of a regular file."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"{path}: is a folder, and only files are read", hint=f"name a file in it: {_some(path)}")
        if not stat.S_ISREG(mode):
            raise InputError(f"{path}: is not a regular file", hint="save its content to a file first")
        with open(path, "rb") as handle:
            return handle.read(16)
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{path}: no file can have this name") from None


def _unreadable(path: str, error: OSError) -> InputError | UsageError:
    told = (error.strerror or str(error)).lower()
    if not isinstance(error, FileNotFoundError):
        return InputError(f"{path}: {told}", hint=f"look at it with: ls -l {path}")
    if path == "-":
        return UsageError("standard input is not read yet", hint="save it to a file first")
    if "://" in path:
        return UsageError(f"{path}: remote files are not read yet", hint="download it first")
    entries = [entry for entry in _entries(os.path.dirname(path)) if entry != os.path.basename(path)]  # a broken link
    near = registry.nearest(os.path.basename(path), entries)
    meant = os.path.join(os.path.dirname(path), near) if near else None
    return InputError(f"{path}: {told}", hint=f"did you mean {meant}?" if meant else "check the spelling")


def _entries(folder: str) -> list[str]:
    try:
        with os.scandir(folder or ".") as found:
            return sorted(entry.name for entry, _ in zip(found, range(1000), strict=False))
    except OSError:
        return []


def _some(folder: str) -> str:
    """A file in a folder, for a hint."""
    known = [entry for entry in _entries(folder) if not entry.startswith(".")]
    return os.path.join(folder, known[0] if known else "…")


def _format_of(path: str, beginning: bytes) -> tuple[str, ModuleType]:
    """By content where that is plain, then by suffix; the rest is text if it looks like text."""
    _refuse_foreign(path, beginning)
    suffix = os.path.splitext(path)[1].lower()
    found = _by_content(path, beginning, suffix) or _by_suffix(suffix)
    if found:
        return found, registry.module("formats", found)
    if _BINARY.search(beginning) and not beginning.startswith(_UTF16):
        raise UsageError(f"{path}: is no kind of file that is known here", hint="save it as .csv, .parquet or .npy")
    return TEXT, registry.module("formats", TEXT)


def _refuse_foreign(path: str, beginning: bytes) -> None:
    named = os.path.splitext(path)[1].lower()
    if named in FOREIGN_SUFFIXES:
        told, hint = FOREIGN_SUFFIXES[named]
        raise UsageError(f"{path}: {told}", hint=hint.replace("path", repr(path)))
    for mark, what, hint in FOREIGN:
        if re.match(mark, beginning):
            raise UsageError(f"{path}: is {what}", hint=hint.replace("path", repr(path)))
    for mark, suffix in COMPRESSED:
        if re.match(mark, beginning):
            raise InputError(f"{path}: is compressed ({suffix[1:]}), which is not read yet", hint="unpack it first")
        if named == suffix:
            raise InputError(f"{path}: is not compressed, whatever its name says", hint=f"drop the {suffix}")


def _by_content(path: str, beginning: bytes, suffix: str) -> str | None:
    if not _BINARY.search(beginning) or beginning.startswith(_UTF16):
        return None  # the formats are not loaded for a file that looks like text
    with open(path, "rb") as handle:
        handle.seek(max(os.fstat(handle.fileno()).st_size - 16, 0))
        ending = handle.read(16)
    for name in sorted(registry.names("formats"), key=lambda name: name != suffix[1:]):  # most tell the truth
        recognises = getattr(registry.module("formats", name), "recognises", None)
        if recognises is not None and recognises(beginning, ending):
            return name
    return None


def _by_suffix(suffix: str) -> str | None:
    names = registry.names("formats")
    if suffix[1:] in names and suffix[1:] != OBJECTS:
        return suffix[1:]
    if suffix:
        for name in names:
            if suffix in getattr(registry.module("formats", name), "suffixes", ()):
                return name
    return None


def _refuse_strangers(path: str, what: str, module: ModuleType, options: ReadOptions) -> None:
    """UsageError for options that were given and mean nothing here."""
    understood = getattr(module, "understands", TEXT_OPTIONS) | COMMON_OPTIONS
    usual = ReadOptions()
    for option in fields(ReadOptions):
        if option.name not in understood and getattr(options, option.name) != getattr(usual, option.name):
            flag = "--no-header" if option.name == "header" else f"--{option.name}"
            raise UsageError(f"{path}: {flag} means nothing for {what}", hint=f"leave {flag} out")
