"""Files that stand elsewhere: read by ranges, written as one object, and never trusted to be the same without a look.

Object stores that Arrow knows are read through it, everything else through fsspec, which is an extra.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from nanclean.draft import Private
from nanclean.errors import InputError, NancleanError, OutputError, UsageError
from nanclean.escaping import shortened
from nanclean.file import PIECE, File, shown
from nanclean.files.spooled import ROOM, Spooled

if TYPE_CHECKING:
    import pyarrow as pa

ARROW = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
AHEAD = 8 << 20
"""Bytes that are fetched at a time where a file is read on and on."""
SMALL = 2 << 20
"""Reads that are larger than this fetch what they ask for."""
PAUSES = (0.2, 1.0)
"""Seconds before a read that failed is tried again. Arrow sees to that itself."""
_TELLS = (
    "etag", "e_tag", "content-md5", "last-modified", "last_modified", "lastmodified", "mtime", "updated", "generation",
    "blob_id", "md5hash", "checksum", "version_id",
)  # fmt: skip
"""What stores tell of an object that changes with it."""


class Store(ABC):
    """One object, or a place for one, in a store. Every failure is an error of ours that names it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = shown(url)

    @abstractmethod
    def look(self) -> tuple[int, tuple[str, ...]] | None:
        """The size, and what else tells one content from another. None: nothing is there."""

    @abstractmethod
    def fetch(self, size: int, offset: int) -> bytes:
        """Bytes from an offset. From any thread; fewer at the end."""

    @property
    def ranges(self) -> bool:
        """Whether a part can be asked for."""
        return True

    @abstractmethod
    def stream(self) -> Iterator[bytes]:
        """All bytes, once, in order."""

    @abstractmethod
    def put(self, path: str) -> None:
        """A local file becomes the object."""

    @abstractmethod
    def delete(self) -> None:
        """Take the object away."""

    @abstractmethod
    def below(self) -> list[str]:
        """The URLs of the objects below this one, as if it were a folder."""

    @contextmanager
    def told(self, what: str = "cannot be read") -> Iterator[None]:
        """What a library raises, as one line without credentials."""
        try:
            yield
        except (NancleanError, MemoryError):
            raise
        except FileNotFoundError:
            raise InputError(f"{self.path}: there is no such object", hint="check the spelling") from None
        except PermissionError as error:
            raise self._lost("access was denied", error, "are there credentials for it in the environment?") from None
        except ImportError:
            raise _missing(self.path) from None
        except Exception as error:
            raise self._lost(what, error, "is it there, and the network? Run again; nothing was published") from None

    def _lost(self, what: str, error: Exception, hint: str) -> InputError:
        lines = scrubbed(str(error), self.url).strip().split("\n")
        told = shortened(lines[0], 200) if lines[0] else type(error).__name__
        return InputError(f"{self.path}: {what}: {told}", hint=hint)


class ArrowStore(Store):
    """Through Arrow: S3, Google Cloud Storage, Azure, HDFS."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        from pyarrow import fs

        scheme, _, rest = url.partition("://")
        found = re.search(r"\?\w+=[^/]*$", rest)  # region=eu-central-1, endpoint_override=...
        query = found[0] if found else ""
        root, _, key = rest[: len(rest) - len(query)].partition("/")
        if not root:
            raise UsageError(f"{self.path}: names no bucket", hint=f"{scheme}://bucket/path/x.parquet")
        with self.told("cannot be reached"):
            try:
                self.system, base = fs.FileSystem.from_uri(f"{scheme}://{root}{query}")
            except (NotImplementedError, ValueError) as error:
                raise UsageError(f"{self.path}: {scrubbed(str(error), url)}", hint="check the spelling") from None
        self.root, self.query = f"{scheme}://{root}", query
        self.key = f"{base.rstrip('/')}/{key}" if base.strip("/") else f"{base}{key}"
        self.base = len(self.key) - len(key)
        self._handle: Any = None

    def look(self) -> tuple[int, tuple[str, ...]] | None:
        from pyarrow import fs

        with self.told():
            info = self.system.get_file_info(self.key)
            if info.type == fs.FileType.Directory:
                raise UsageError(f"{self.path}: is a folder", hint="name a file in it")
            if info.type != fs.FileType.File:
                return None
            with self.system.open_input_file(self.key) as handle:
                metadata = handle.metadata() or {}
                size = handle.size()
        tells = {key.decode() if isinstance(key, bytes) else str(key): value for key, value in metadata.items()}
        return size, (str(info.mtime_ns), *_identity(tells))

    def fetch(self, size: int, offset: int) -> bytes:
        with self.told():
            if self._handle is None:
                self._handle = self.system.open_input_file(self.key)
            return bytes(self._handle.read_at(size, offset))

    def stream(self) -> Iterator[bytes]:
        with self.told():
            stream = self.system.open_input_stream(self.key, compression=None)  # never by the name
        with stream:
            while True:
                with self.told():
                    piece = stream.read(PIECE)
                if not piece:
                    return
                yield piece

    def put(self, path: str) -> None:
        from pyarrow import fs

        with self.told("cannot be written"):  # in one call: whoever interrupts it from Python would end it too early
            fs.copy_files(
                path, self.key, source_filesystem=fs.LocalFileSystem(), destination_filesystem=self.system,
                chunk_size=PIECE * 8, use_threads=False,
            )  # fmt: skip

    def delete(self) -> None:
        with self.told("cannot be taken away"):
            self.system.delete_file(self.key)

    def below(self) -> list[str]:
        from pyarrow import fs

        with self.told("cannot be listed"):
            found = self.system.get_file_info(fs.FileSelector(self.key.rstrip("/"), recursive=True))
        files = [info.path for info in found if info.type == fs.FileType.File]
        return sorted(f"{self.root}/{path[self.base :]}{self.query}" for path in files)


class OtherStore(Store):
    """Through fsspec: https, Hugging Face, and whatever else it knows."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        try:
            import fsspec
        except ImportError:
            raise _missing(self.path) from None
        scheme = url.partition("://")[0]
        if scheme not in fsspec.available_protocols():
            raise UsageError(f"{self.path}: {scheme}:// is not known", hint="s3:// gs:// abfs:// hf:// https:// ...")
        with self.told("cannot be reached"):
            self.system, self.key = fsspec.core.url_to_fs(url)

    def look(self) -> tuple[int, tuple[str, ...]] | None:
        with self.told():
            self.system.invalidate_cache()
            try:
                self.info = self.system.info(self.key)
            except FileNotFoundError:
                return None
        if self.info.get("type") == "directory":
            raise UsageError(f"{self.path}: is a folder", hint="name a file in it")
        size = self.info.get("size")
        return (-1 if size is None else int(size)), _identity(self.info)

    @property
    def ranges(self) -> bool:
        size = self.info.get("size")
        if size is None or self.info.get("partial") is False:
            return False
        if size < 2 or not self.url.lower().startswith("http"):
            return True
        with self.told():  # some web servers say nothing, and answer with all of it
            try:
                with self.system.open(self.key, "rb", cache_type="none") as file:
                    file.seek(1)
                    return len(file.read(1)) == 1
            except ValueError:
                return False

    def fetch(self, size: int, offset: int) -> bytes:
        for pause in (*PAUSES, None):
            try:
                with self.told():
                    found = bytes(self.system.cat_file(self.key, start=offset, end=offset + size))
                    if len(found) == size:
                        return found
            except InputError:
                if pause is None:
                    raise
            if pause is None:
                break
            time.sleep(pause)
        raise InputError(
            f"{self.path}: {len(found):,} bytes came where {size:,} were asked for", hint="run again; it was cut off"
        )

    def stream(self) -> Iterator[bytes]:
        with self.told():
            stream = self.system.open(self.key, "rb", block_size=0)
        with stream:
            while True:
                with self.told():
                    piece = stream.read(PIECE)
                if not piece:
                    return
                yield piece

    def put(self, path: str) -> None:
        with self.told("cannot be written"):
            self.system.put_file(path, self.key)

    def delete(self) -> None:
        with self.told("cannot be taken away"):
            self.system.rm_file(self.key)

    def below(self) -> list[str]:
        with self.told("cannot be listed"):
            return sorted(self.system.unstrip_protocol(name) for name in self.system.find(self.key))


class Remote(File):
    """An object that is read by ranges."""

    quick = False

    def __init__(self, store: Store, size: int, identity: tuple[str, ...]) -> None:
        self.path, self.size, self.stored = store.path, size, size
        self._store, self._identity = store, identity
        self._ahead = _Ahead()

    @property
    def mark(self) -> tuple[str, ...]:
        return self._identity

    def read_into(self, target: memoryview, offset: int) -> None:
        """Small reads of a thread, one behind the other, are served from a larger one."""
        size, ahead = len(target), self._ahead
        if not size:
            return
        on = ahead.start < offset <= ahead.stop
        if size <= SMALL:
            ahead.start, ahead.stop = offset, offset + size
        if size > SMALL or not (on or ahead.holds(offset, size)):
            target[:] = self._fetched(size, offset)
            return
        if not ahead.holds(offset, size):
            ahead.data = b""
            ahead.data, ahead.place = self._fetched(max(size, min(AHEAD, self.size - offset)), offset), offset
        at = offset - ahead.place
        target[:] = memoryview(ahead.data)[at : at + size]

    def _fetched(self, size: int, offset: int) -> bytes:
        if offset + size > self.size:
            raise InputError(f"{self.path}: ends at byte {self.size:,}", hint="it was cut off")
        found = self._store.fetch(size, offset)
        if len(found) != size:
            self.check()
            raise InputError(f"{self.path}: ends too early", hint="it was cut off, or changed while it was read")
        return found

    def native(self) -> pa.NativeFile:
        return _Direct(self).native()

    def check(self) -> None:
        if self._store.look() != (self.size, self._identity):
            raise InputError(f"{self.path}: changed while it was read", hint="run again when nothing writes to it")

    def close(self) -> None:
        self._ahead = _Ahead()

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._store.url, self.size, self._identity)


class _Ahead(threading.local):
    """What a thread has read last, and more than it asked for."""

    start = stop = place = 0
    data = b""

    def holds(self, offset: int, size: int) -> bool:
        return self.place <= offset and offset + size <= self.place + len(self.data)


class _Direct(File):
    """For readers that know what they want: nothing more is fetched."""

    def __init__(self, remote: Remote) -> None:
        self.path, self.size, self.stored = remote.path, remote.size, remote.stored
        self._remote = remote

    def read_into(self, target: memoryview, offset: int) -> None:
        if len(target):
            target[:] = self._remote._fetched(len(target), offset)

    def check(self) -> None:
        self._remote.check()

    def close(self) -> None:
        """It is not its own."""


class Fetched(Spooled):
    """What a server gives only as a whole."""

    quick = True

    def __init__(self, store: Store, size: int, identity: tuple[str, ...], room: int) -> None:
        self._store, self._identity, self._told = store, identity, size
        super().__init__(store.path, store.stream(), room)
        if size not in (-1, self.size):
            self.close()
            raise InputError(
                f"{self.path}: {self.size:,} bytes came of {size:,}", hint="the connection was lost; run again"
            )

    @property
    def mark(self) -> tuple[str, ...]:
        return self._identity

    def check(self) -> None:
        if self._store.look() != (self._told, self._identity):
            raise InputError(f"{self.path}: changed while it was read", hint="run again when nothing writes to it")

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._store.url, self._told, self._identity, self._room)


def remote(url: str, room: int = ROOM) -> File:
    """The object at a URL."""
    store = _store(url)
    found = store.look()
    if found is None:
        raise InputError(f"{store.path}: there is no such object", hint="check the spelling")
    return Remote(store, *found) if store.ranges else Fetched(store, *found, room)


def _again(url: str, size: int, identity: tuple[str, ...], room: int = ROOM) -> File:
    store = _store(url)
    if store.look() != (size, identity):
        raise InputError(f"{store.path}: changed while it was read", hint="run again when nothing writes to it")
    return Remote(store, size, identity) if store.ranges else Fetched(store, size, identity, room)


def entries(url: str) -> list[str]:
    """The URLs of all files below one that is a folder, sorted."""
    return _store(url).below()


def refuse_remote(url: str, *, force: bool, inputs: tuple[str, ...] = ()) -> None:
    """UsageError or OutputError if an object cannot or must not be written. Before anything is read."""
    store = _store(url)
    if url in inputs:
        raise UsageError(f"{store.path}: is the input; it is never written over", hint="name another object after -o")
    if url.partition("://")[0] in ("http", "https"):
        raise UsageError(f"{store.path}: nothing can be written there", hint="-o s3://bucket/x.parquet, or a file here")
    with _writing():
        there = store.look() is not None
    if there and not force:
        raise UsageError(f"{store.path}: is there already", hint="--force replaces it")


class Uploaded(Private):
    """What becomes an object when it is proven: put as a whole, read back, and compared."""

    def __init__(self, target: str) -> None:
        self._store = _store(target)
        super().__init__(target)
        self.target = self._store.path

    def deliver(self) -> None:
        size = os.path.getsize(self.path)
        with _writing():
            before = self._store.look()
        try:
            with _writing():
                self._store.put(self.path)
                self._compare(size)
        except BaseException:
            with suppress(NancleanError):  # some libraries finish what was given up
                if self._store.look() not in (None, before):
                    self._store.delete()
            raise

    def _compare(self, size: int) -> None:
        found = self._store.look()
        if found is None or found[0] != size or _digest(self._store.stream()) != _digest(_read(self.path)):
            raise OutputError(f"{self.target}: is not what was sent", hint="the store changed it; run again")


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _digest(pieces: Iterator[bytes]) -> bytes:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.digest()


@contextmanager
def _writing() -> Iterator[None]:
    """What would be an error of the input is one of the output."""
    try:
        yield
    except InputError as error:
        raise OutputError(f"cannot write {error.message}", hint=error.hint) from None


def _store(url: str) -> Store:
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        raise UsageError(f"{url}: is a local file", hint=f"write {url.partition('://')[2]}")
    return ArrowStore(url) if scheme in ARROW else OtherStore(url)


def _identity(info: dict[str, Any]) -> tuple[str, ...]:
    tells = {key.lower(): value for key, value in info.items()}
    return tuple(f"{key}={_text(tells[key])}" for key in _TELLS if tells.get(key) is not None)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def scrubbed(text: str, url: str) -> str:
    """A message of a library without what opens a URL: its user and password, and its query."""
    text = text.replace(url, shown(url))
    text = re.sub(r"(\w+://)[^\s/'\"@]*@", r"\1", text)
    return re.sub(r"(\w+://[^\s?'\"]*)\?[^\s'\"]*", r"\1", text)


def _missing(path: str) -> UsageError:
    return UsageError(f"{path}: needs packages that are not installed", hint="pip install 'nanclean[remote]'")
