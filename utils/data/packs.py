"""Data packs: find a pack's files and check them.

A pack is a folder `data/<pack>/` in the course's checkout. Beside the data it holds

- `card.toml`, its data card: source, authors, licence, how it was made, known flaws;
- `files.json`, each data file's size and SHA-256, written by `data/prepare/<pack>.py`;
- `LICENCE`, as found at the source, and a `README.md` made from the two files above.

Everything is found from where this file lies, so the working directory never matters.
"""

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np

COURSE_ROOT = Path(__file__).resolve().parents[2]
DATA = COURSE_ROOT / "data"

# path -> (size, mtime in ns) of files whose checksum this process has already found right
_verified: dict[Path, tuple[int, int]] = {}


class DataError(RuntimeError):
    """A data file is missing, damaged or cannot be fetched; the message says what to do."""


def pack_names() -> list[str]:
    """Names of the packs that this checkout holds, sorted."""
    return sorted(listing.parent.name for listing in DATA.glob("*/files.json"))


def load_card(pack: str) -> dict:
    """The data card of a pack, as the dictionary that `card.toml` spells out."""
    return tomllib.loads(_pack_folder(pack).joinpath("card.toml").read_text(encoding="utf-8"))


def pack_files(pack: str) -> dict[str, dict]:
    """The data files of a pack: `{file name: {"bytes": int, "sha256": str}}`.

    Names are relative to the pack's folder, with forward slashes.
    """
    try:
        return json.loads((_pack_folder(pack) / "files.json").read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(f"data/{pack}/files.json is damaged. {_how_to_restore(pack)}") from None


def pack_path(pack: str, file: str) -> Path:
    """Path of one data file of a pack, after its size and SHA-256 were found right.

    A file is checked once per process, and again only if it has changed since.

    Args:
        pack: folder name under `data/`.
        file: name relative to that folder, with forward slashes, as in `files.json`.

    Raises:
        DataError: no such pack or file, or the file is missing, truncated or altered.
    """
    return _checked(pack, file, pack_files(pack))


def pack_paths(pack: str, pattern: str = "*") -> list[Path]:
    """Paths of all data files of a pack whose names match `pattern` (as in `fnmatch`), checked.

    The order is that of the sorted names. Raises `DataError` as `pack_path` does.
    """
    from fnmatch import fnmatchcase

    listed = pack_files(pack)
    return [_checked(pack, file, listed) for file in sorted(listed) if fnmatchcase(file, pattern)]


def load_arrays(pack: str, file: str) -> dict[str, np.ndarray]:
    """The arrays of one `.npz` file of a pack, by name. Pickled objects are refused."""
    path = pack_path(pack, file)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_sha256(path: Path, expected: str) -> bool:
    """Whether a file has this SHA-256; it is read once per process, and again if it has changed."""
    status = path.stat()
    mark = (status.st_size, status.st_mtime_ns)
    if _verified.get(path) != mark:
        if sha256(path) != expected:
            return False
        _verified[path] = mark
    return True


def _pack_folder(pack: str) -> Path:
    folder = DATA / pack
    if not (folder / "files.json").is_file():
        if not DATA.is_dir():
            raise DataError(
                f"The course's data folder {DATA} is missing: run the lessons from a full checkout "
                "(git clone), not from an installed copy of `utils` alone."
            )
        raise DataError(f"There is no data pack {pack!r}. Packs here: {', '.join(pack_names())}.")
    return folder


def _how_to_restore(pack: str) -> str:
    return f"`git checkout -- data/{pack}` restores it, `make data PACK={pack}` rebuilds it."


def _checked(pack: str, file: str, listed: dict[str, dict]) -> Path:
    if file not in listed:
        raise DataError(f"Pack {pack!r} has no file {file!r} (see data/{pack}/files.json).")
    path, expected = DATA / pack / file, listed[file]
    shown = f"data/{pack}/{file}"
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{shown} is missing. {_how_to_restore(pack)}") from None
    if status.st_size != expected["bytes"]:
        raise DataError(
            f"{shown} has {status.st_size:,} bytes, {expected['bytes']:,} were expected: it was cut "
            f"short or changed. {_how_to_restore(pack)}"
        )
    if not has_sha256(path, expected["sha256"]):
        raise DataError(
            f"{shown} is not the file this course was made with: its SHA-256 is {sha256(path)}, "
            f"{expected['sha256']} was expected. {_how_to_restore(pack)}"
        )
    return path
