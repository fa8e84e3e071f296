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
from nanclean.file import File
from nanclean.files.local import Local
from nanclean.files.packed import Packed, by_name, compression_of
from nanclean.files.spooled import ROOM, STANDARD_INPUT, pipe, standard_input
from nanclean.format import ReadOptions, Source

TEXT = "csv"
"""The format of a file that no other knows by its beginning."""
LINES = "jsonl"
OBJECTS = "frame"

TEXT_OPTIONS = frozenset({"encoding", "delimiter", "header", "decimal"})
COMMON_OPTIONS = frozenset({"columns"})

_SHEET = "in Excel or LibreOffice: save as CSV; in Python: pandas.read_excel(path).to_csv('table.csv', index=False)"
_JSON = "in Python: pandas.read_json(path).to_json('table.jsonl', orient='records', lines=True)"
_PICKLE = "save it as .csv, .parquet, .npy or .jsonl"
FOREIGN = (
    (rb"PK\x03\x04", "a ZIP archive", "unpack it first"),
    (rb"\xd0\xcf\x11\xe0", "an old Office file", _SHEET),
    (rb"\x80[\x02-\x05]", "a pickle, which can run any code, and is never opened", _PICKLE),
    (rb"\x89HDF", "an HDF5 file", "in Python: pandas.read_hdf(path).to_parquet('table.parquet')"),
    (rb"SQLite format 3\0", "an SQLite database", "export: sqlite3 -csv -header path 'select * from …' > table.csv"),
    (rb"%PDF-", "a PDF file", "save the table in it as .csv"),
)
"""Beginnings of files that people try, what they are, and what to do."""
FOREIGN_SUFFIXES = {
    ".json": ("is one JSON document, and only JSON Lines are read", _JSON),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"), ("is a spreadsheet", _SHEET)),
}


_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]|^\x93")
"""What no beginning of a text has, but in UTF-16."""
_RECORDS = re.compile(rb'\s*\{\s*["}]')
"""How JSON Lines begin, and no line of names in practice."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def opened(source: object, options: ReadOptions | None = None, room: int = ROOM) -> Source:
    """A source for a path, or for something in memory, which is never changed.

    room: bytes that a stream may keep in memory, which can be read once only.

    Raises UsageError for what nobody can read or an option that means nothing to the format, InputError for a file
    that is not there or damaged.
    """
    options = options or ReadOptions()
    if not isinstance(source, str | os.PathLike):
        module = registry.module("formats", OBJECTS)
        _refuse_strangers(type(source).__name__, "something in memory", module, options)
        return cast(Source, module.opened(source, options))
    file = file_at(os.fsdecode(os.fspath(source)), room)
    try:
        name, module = _format_of(file)
        _refuse_strangers(file.path, f"{name.upper() if len(name) < 4 else name.title()} files", module, options)
        return cast(Source, module.opened(file, options))
    except BaseException:
        file.close()
        raise


def opened_as(format: str, file: File, options: ReadOptions) -> Source:
    """A source for a file whose format is known. The file is its own now."""
    try:
        return cast(Source, registry.module("formats", format).opened(file, options))
    except BaseException:
        file.close()
        raise


def file_at(path: str, room: int = ROOM) -> File:
    """The file at a path, open, and unpacked if it is compressed."""
    file = _stored(path, room)
    try:
        compression = compression_of(file.read(min(file.size, 16), 0))
        if compression is not None:
            return Packed(file, compression, room)
        if claimed := by_name(file.path):
            told = "is empty" if not file.size else f"is not compressed ({claimed}), whatever its name says"
            raise InputError(f"{file.path}: {told}", hint=f"drop the {os.path.splitext(file.path)[1]} if it is text")
        return file
    except BaseException:
        file.close()
        raise


def _stored(path: str, room: int) -> File:
    """The bytes at a path as they are kept there."""
    if path == STANDARD_INPUT:
        return standard_input(room)
    if "://" in path:
        from nanclean.files.remote import remote  # few need it

        return remote(path, room)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"{path}: is a folder, and only files are read", hint=f"name a file in it: {_some(path)}")
        if stat.S_ISFIFO(mode):
            return pipe(path, room)
        if not stat.S_ISREG(mode):
            raise InputError(f"{path}: is not a regular file", hint="save its content to a file first")
        return Local(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{path}: no file can have this name") from None


def _unreadable(path: str, error: OSError) -> InputError | UsageError:
    told = (error.strerror or str(error)).lower()
    if not isinstance(error, FileNotFoundError):
        return InputError(f"{path}: {told}", hint=f"look at it with: ls -l {path}")
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


def _format_of(file: File) -> tuple[str, ModuleType]:
    """By content where that is plain, then by suffix; the rest is text if it looks like text."""
    path, beginning = file.path, file.read(min(file.size, 16), 0)
    _refuse_foreign(file, beginning)
    suffix = os.path.splitext(file.name)[1].lower()
    found = _by_content(file, beginning, suffix) or _by_suffix(suffix)
    if found is None and _RECORDS.match(beginning):
        found = LINES
    if found:
        return found, registry.module("formats", found)
    if _BINARY.search(beginning) and not beginning.startswith(_UTF16):
        raise UsageError(
            f"{path}: is no kind of file that is known here", hint="save it as .csv, .parquet, .npy or .jsonl"
        )
    return TEXT, registry.module("formats", TEXT)


def _refuse_foreign(file: File, beginning: bytes) -> None:
    path, named = file.path, os.path.splitext(file.name)[1].lower()
    if named in FOREIGN_SUFFIXES:
        told, hint = FOREIGN_SUFFIXES[named]
        raise UsageError(f"{path}: {told}", hint=hint.replace("path", repr(path)))
    for mark, what, hint in FOREIGN:
        if re.match(mark, beginning) and not (named == ".npz" and beginning.startswith(b"PK")):  # that is a ZIP archive
            raise UsageError(f"{path}: is {what}", hint=hint.replace("path", repr(path)))
    if file.compression and compression_of(beginning):
        raise InputError(f"{path}: is compressed twice", hint="unpack it once")
    if file.size > 512 and file.read(5, 257) == b"ustar":
        raise UsageError(f"{path}: is a tar archive", hint="unpack it first")


def _by_content(file: File, beginning: bytes, suffix: str) -> str | None:
    if not _BINARY.search(beginning) or beginning.startswith(_UTF16):
        return None  # the formats are not loaded for a file that looks like text
    ending = file.read(min(file.size, 16), max(file.size - 16, 0))
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
