"""Read Qt resource archives (`.rcc`), in which GCompris keeps its pictures.

The format, as Qt's own compiler `rcc` writes it: a header (`qres`, version, then where the tree,
the data and the names begin), a tree of fixed-size entries whose directories point to their
first child, length-prefixed UTF-16 names, and length-prefixed payloads, each stored plain,
by zlib or by Zstandard. All numbers are big-endian.
"""

import struct
import subprocess
import zlib
from pathlib import Path

_ZLIB, _DIRECTORY, _ZSTD = 1, 2, 4


def read_rcc(path: Path) -> dict[str, bytes]:
    """All files of an archive: `{path inside: content}`."""
    blob = path.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4s4I", blob)
    if magic != b"qres":
        raise ValueError(f"{path} is not a Qt resource archive")
    entry_size = 14 if version == 1 else 22
    files: dict[str, bytes] = {}

    def name_of(offset: int) -> str:
        (length,) = struct.unpack_from(">H", blob, names + offset)
        start = names + offset + 6  # after the length and a hash of the name
        return blob[start : start + 2 * length].decode("utf-16-be")

    def walk(index: int, parent: str) -> None:
        at = tree + index * entry_size
        name_offset, flags = struct.unpack_from(">IH", blob, at)
        inside = f"{parent}/{name_of(name_offset)}" if index else ""
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">II", blob, at + 6)
            for child in range(first, first + count):
                walk(child, inside)
        else:
            (offset,) = struct.unpack_from(">I", blob, at + 10)
            (length,) = struct.unpack_from(">I", blob, data + offset)
            start = data + offset + 4
            files[inside.lstrip("/")] = _unpacked(blob[start : start + length], flags)

    walk(0, "")
    return files


def _unpacked(payload: bytes, flags: int) -> bytes:
    if flags & _ZLIB:
        return zlib.decompress(payload[4:])  # after the unpacked length
    if flags & _ZSTD:
        try:
            return subprocess.run(
                ["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE, check=True
            ).stdout
        except FileNotFoundError:
            raise SystemExit(
                "This archive is packed with Zstandard: install the program zstd."
            ) from None
    return payload
