"""A text file: read in blocks, in one encoding from end to end."""

from __future__ import annotations

from nanclean.errors import InputError
from nanclean.file import File
from nanclean.format import Source
from nanclean.formats._encoding import UTF8, WINDOWS_1252, Raw, by_mark, is_ascii, is_utf8, named, whole_characters
from nanclean.formats._records import Block, lines_before

AHEAD = 4 << 20
"""Bytes that are looked at in one go when the encoding is settled."""


class TextFile:
    """Bytes of a file and how to read them.

    Without a byte order mark and without a word from the user, a file is UTF-8 if all of it is. Up to the first byte
    above 127 nothing depends on that; there it is read on to the end once, so that a stray byte behind the first
    gigabyte cannot change the meaning of cells that were read already.
    """

    def __init__(self, file: File, encoding: str | None) -> None:
        self.file = file
        self.path, self.size = file.path, file.size
        self.room, self.largest = Source.room, Source.largest
        beginning = bytes(self.read(0, 4))
        told = named(encoding, beginning) if encoding else by_mark(beginning)
        self.encoding = told or UTF8
        self.guessed = False
        self.told = self._settled = told is not None
        self._valid = False

    def read(self, start: int, size: int) -> bytearray:
        """Some bytes; fewer at the end of the file only."""
        block = bytearray(min(size, max(self.size - start, 0)))
        self.file.read_into(memoryview(block), start)
        return block

    def read_into(self, start: int, block: memoryview) -> None:
        """Fill a block with the bytes from `start` on. A buffer that is used twice saves its page faults."""
        self.file.read_into(block, start)

    def block(self, at: int, buffer: bytearray, line: int) -> tuple[Block, bool]:
        """What stands at a record's beginning, ready for the scanner, and whether the file goes on behind it.

        `buffer` is filled, and handed back where the encoding lets the scanner look at the bytes as they are.
        `raw_size` tells how many bytes of the file a part of the block is.
        """
        self.read_into(at, memoryview(buffer))
        more = at + len(buffer) < self.size
        if self.encoding.direct:
            if not self._settled and not is_ascii(buffer):
                self._settle(at)
            return buffer, more
        try:
            return self.encoding.beginning_to_utf8(buffer, more), more
        except UnicodeDecodeError as error:
            raise self.undecodable(error, buffer, line) from None

    def settle(self, *, guessed: bool) -> None:
        """Know the encoding as somebody knows it who has read all of the file."""
        if guessed:
            self.encoding, self.guessed = WINDOWS_1252, True
        self._settled = self._valid = True

    def raw_size(self, block: Raw) -> int:
        """How many bytes of the file a part of a block is."""
        return len(block) if self.encoding.direct else self.encoding.raw_size(block)

    def to_utf8(self, raw: Raw, line: int) -> Raw:
        """Some whole records, which begin on `line`."""
        try:
            return self.encoding.to_utf8(raw)
        except UnicodeDecodeError as error:
            raise self.undecodable(error, raw, line) from None

    def check_text(self, text: Raw, line: int) -> None:
        """Raise InputError if text that is UTF-8 by its mark or by the user's word is not. It begins on `line`."""
        if not self._settled or self._valid or self.encoding.codec != "utf-8" or is_utf8(text):
            return
        raw = bytes(text)
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise self.undecodable(error, raw, line) from None

    def undecodable(self, error: UnicodeDecodeError, raw: Raw, line: int) -> InputError:
        """For the error that decoding `raw` gave, which begins on `line`."""
        before = bytes(raw[: error.start]).decode(self.encoding.codec, "replace").encode()
        line += lines_before(before, len(before))
        byte = f"byte 0x{raw[error.start]:02x}" if error.start < len(raw) else "the end of the file"
        return InputError(
            f"{self.path}: line {line}: {byte} is not {self.encoding.name}",
            hint="name the encoding, for example --encoding windows-1252",
        )

    def _settle(self, at: int) -> None:
        """Decide the encoding for good. All bytes before `at` are ASCII, and a character begins there."""
        if self._is_utf8_from(at):
            self._valid = True
        else:
            self.encoding, self.guessed = WINDOWS_1252, True
        self._settled = True

    def _is_utf8_from(self, at: int) -> bool:
        while at < self.size:
            block = self.read(at, AHEAD)
            whole = whole_characters(block) if at + len(block) < self.size else len(block)
            if not is_utf8(block[:whole]):
                return False
            at += whole
        return True
