"""How the bytes of a text file become UTF-8, without ever holding the whole file."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from nanclean.errors import UsageError

Raw = bytes | bytearray | memoryview
WINDOWS = "windows-1252"
_HOLES = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
WINDOWS_CHARACTERS = "".join(chr(b) if b in _HOLES else bytes([b]).decode("cp1252") for b in range(256))
"""Windows-1252, and Latin-1 where it has no character: any byte can be read, as browsers do."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
_REFUSED = ("iso2022", "hz", "utf_7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined")
"""They keep a state across characters, or are no character sets: such a file cannot be read in pieces."""


@dataclass(frozen=True)
class Encoding:
    """A character set, and whether the record scanner may look at its bytes as they are."""

    name: str
    """As the report says it."""
    codec: str
    """As Python says it, without byte order mark."""
    mark: int = 0
    """Bytes of the byte order mark."""
    direct: bool = True
    """Every byte below 128 is that ASCII character, wherever it stands."""

    def to_utf8(self, raw: Raw) -> Raw:
        """Whole characters, transcoded; UTF-8 is handed back as it is. Raises UnicodeDecodeError."""
        if self.codec == "utf-8" or (self.direct and is_ascii(raw)):
            return raw
        if self.codec == WINDOWS:
            if not _has_controls(raw):
                return codecs.latin_1_decode(raw)[0].encode()  # the same there, and faster
            return codecs.charmap_decode(raw, "strict", WINDOWS_CHARACTERS)[0].encode()
        return codecs.decode(raw, self.codec).encode()

    def approximately(self, raw: Raw) -> bytes:
        """The same for any bytes, with a replacement character for what is no character."""
        if self.direct and is_ascii(raw):
            return bytes(raw)
        return codecs.decode(raw, self.codec, "replace").encode()

    def beginning_to_utf8(self, raw: Raw, more: bool) -> bytes:
        """The same for bytes that may end within a character, which is left out then."""
        return codecs.getincrementaldecoder(self.codec)().decode(raw, not more).encode()

    def raw_size(self, text: Raw) -> int:
        """How many bytes of the file became this UTF-8 text."""
        return len(codecs.decode(text, "utf-8").encode(self.codec))


UTF8 = Encoding("utf-8", "utf-8")
WINDOWS_1252 = Encoding(WINDOWS, WINDOWS)


def by_mark(beginning: bytes) -> Encoding | None:
    """The encoding that a byte order mark tells."""
    for mark, name, codec in _MARKS:
        if beginning.startswith(mark):
            return Encoding(name, codec, len(mark), direct=name == "utf-8")
    return None


def named(name: str, beginning: bytes) -> Encoding:
    """The encoding that the user asked for."""
    hint = "--encoding utf-8, windows-1252, latin-1, utf-16, cp1251, shift_jis … are understood"
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        raise UsageError(f"unknown encoding {name!r}", hint=hint) from None
    codec = info.name.replace("-", "_")
    if not getattr(info, "_is_text_encoding", True) or codec.startswith(_REFUSED):
        raise UsageError(f"a file in {name!r} cannot be read in pieces", hint="save the file as UTF-8 first")
    marked = by_mark(beginning)
    if marked and info.name in (marked.name, marked.codec, f"{marked.codec}-sig"):
        return marked
    if codec in ("utf_8", "utf_8_sig"):
        return UTF8
    if codec in ("utf_16", "utf_32"):
        return Encoding(info.name, f"{info.name}-le", direct=False)  # without a mark
    if codec == "cp1252":
        return WINDOWS_1252
    return Encoding(name.lower(), info.name, direct=_is_direct(info))


def _is_direct(info: codecs.CodecInfo) -> bool:
    """Whether bytes below 128 are ASCII always, even behind a byte above: not so in Shift JIS, Big5, GBK, EBCDIC."""
    ascii_ = bytes(range(128))
    if info.decode(ascii_, "replace")[0] != ascii_.decode():
        return False
    return all(len(info.decode(bytes([byte, low]), "replace")[0]) == 2 for byte in range(128, 256) for low in b"0A|~")


def is_ascii(raw: Raw) -> bool:
    """Whether no byte is above 127."""
    return not len(raw) or int(np.frombuffer(raw, np.uint8).max()) < 128


def _has_controls(raw: Raw) -> bool:
    """Whether there is a byte between 128 and 159, where Windows-1252 and Latin-1 differ."""
    return bool(((np.frombuffer(raw, np.uint8) & 0xE0) == 0x80).any())


def is_utf8(text: Raw) -> bool:
    """Whether bytes that hold whole characters are UTF-8. Arrow looks several times faster than Python decodes."""
    ends = pa.py_buffer(np.array([0, len(text)], np.int64))
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(text)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def whole_characters(text: Raw) -> int:
    """The length of some UTF-8 without the beginning of a character at its end."""
    for back in range(1, min(3, len(text)) + 1):
        byte = text[-back]
        if byte >= 0xC0:  # the first byte of a character of 2, 3 or 4 bytes
            return len(text) - back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else len(text)
        if byte < 0x80:
            break
    return len(text)
