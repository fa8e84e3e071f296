"""What is to be written: names of files, and what their endings ask for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace

from nanclean import registry
from nanclean.draft import Draft, Private, refuse
from nanclean.errors import OutputError, UsageError
from nanclean.file import PIECE, shown, uncompressed
from nanclean.files.packed import by_name
from nanclean.format import ReadOptions, Source

STANDARD_OUTPUT = "-"


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
    format: str | None = None
    """Of the output. None: what its name says; on standard output, the format of the input."""
    many: bool = False
    """The output is a folder of files, of the format that they had."""

    def format_of_output(self, source: str) -> str:
        """The format of the output, where that of the source is known. UsageError if there is none."""
        assert self.output is not None
        if self.format is not None:
            return self.format
        if self.output != STANDARD_OUTPUT and not self.many:
            return format_of(self.output)
        if not hasattr(registry.module("formats", source), "target"):
            raise UsageError(f"-: {source} is no format to be written", hint="--output-format csv, parquet or npy")
        return source


def formats() -> list[str]:
    """The formats that can be written."""
    return [name for name in registry.names("formats") if hasattr(registry.module("formats", name), "target")]


def format_of(path: str) -> str:
    """The format that a file name asks for. UsageError if there is none."""
    bare = uncompressed(shown(path))
    suffix = os.path.splitext(bare)[1].lower()
    for name in registry.names("formats"):
        module = registry.module("formats", name)
        if suffix and suffix in getattr(module, "suffixes", ()):
            if by_name(path) and not getattr(module, "compressible", False):
                raise UsageError(f"{path}: only text tables are written compressed", hint=f"-o {bare}")
            return name
    known = ".csv, .parquet, .npy, .npz, .arrow or .jsonl"
    raise UsageError(f"{path}: what kind of file is it to be?", hint=f"let the name end in {known}")


def draft_of(path: str, beside: str | None = None) -> Draft:
    """The draft of what is to appear under a name. `beside`: a file that it must be as private as."""
    if path == STANDARD_OUTPUT:
        return Emitted(path)
    if "://" in path:
        from nanclean.files.remote import Uploaded  # few need it

        return Uploaded(path)
    return Draft(path, beside)


def refuse_output(path: str, *, force: bool, inputs: tuple[str, ...] = ()) -> None:
    """UsageError or OutputError if an output cannot or must not be written. Before anything is read."""
    if path == STANDARD_OUTPUT:
        return
    if "://" in path:
        from nanclean.files.remote import refuse_remote

        return refuse_remote(path, force=force, inputs=inputs)
    refuse(path, force=force, inputs=inputs)


def rejected_path(wish: Wish) -> str | None:
    """Where rejected rows go; None: nowhere."""
    if wish.output is None or not wish.keep_rejected:
        return None
    if wish.rejected is not None:
        return wish.rejected
    if wish.output == STANDARD_OUTPUT:
        return None
    if wish.many:
        return f"{wish.output.rstrip(os.sep)}.rejected"
    path, query, options = wish.output.partition("?") if "://" in wish.output else (wish.output, "", "")
    bare = uncompressed(path)
    stem, suffix = os.path.splitext(bare)
    ending = ".parquet" if suffix.lower() in (".parquet", ".pq") else ".csv"
    return f"{stem}.rejected{ending}{path[len(bare) :]}{query}{options}"


def write_text(path: str, text: str) -> None:
    """A text file, whole or not at all."""
    draft = draft_of(path)
    try:
        with open(draft.path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        draft.sync()
        draft.publish()
    finally:
        draft.discard()


def is_alike(source: Source, path: str) -> bool:
    """Whether the file of a source is one that could stand at a path as it is: as compressed, or as little."""
    return source.file is not None and source.file.compression == by_name(path)


def copy(source: Source, path: str) -> None:
    """The bytes of a source's file, as they are stored."""
    assert source.file is not None
    try:
        with open(path, "wb") as written:
            source.file.copy(written.write)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    source.check()


def options_for(options: ReadOptions, path: str) -> ReadOptions:
    """How the source was read; of a file that becomes CSV, a tab where its name says so."""
    if options.delimiter is None and uncompressed(path).lower().endswith((".tsv", ".tab")):
        return replace(options, delimiter="\t")
    return options


class Emitted(Private):
    """What goes to standard output when it is proven."""

    def deliver(self) -> None:
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            raise OutputError("cannot write standard output: it takes no bytes", hint="name a file after -o")
        try:
            with open(self.path, "rb") as file:
                while piece := file.read(PIECE):
                    stream.write(piece)
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write standard output: {(error.strerror or str(error)).lower()}") from error
