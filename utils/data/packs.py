"""Data packs: find a pack's files, check them, and fetch full-size public sets.

A pack is a folder `data/<pack>/` in the course's checkout. Beside the data it holds

- `card.toml`, its data card: source, authors, licence, how it was made, known flaws;
- `files.json`, each data file's size and SHA-256, written by `data/prepare/<pack>.py`;
- `LICENCE`, as found at the source, and a `README.md` made from the two files above.

Everything is found from where this file lies, so the working directory never matters.
"""

import hashlib
import http.client
import json
import os
import re
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

COURSE_ROOT = Path(__file__).resolve().parents[2]
DATA = COURSE_ROOT / "data"
CACHE_VARIABLE = "THINKING_IN_KERAS_CACHE"

_CHUNK = 1 << 18
# path -> (size, mtime in ns) of files whose checksum this process has already found right
_verified: dict[Path, tuple[int, int]] = {}


class DataError(RuntimeError):
    """A data file is missing, damaged or cannot be fetched; the message says what to do."""


# ---------------------------------------------------------------- packs in the checkout


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
    mark = (status.st_size, status.st_mtime_ns)
    if _verified.get(path) != mark:
        found = sha256(path)
        if found != expected["sha256"]:
            raise DataError(
                f"{shown} is not the file this course was made with: its SHA-256 is {found}, "
                f"{expected['sha256']} was expected. {_how_to_restore(pack)}"
            )
        _verified[path] = mark
    return path


# ---------------------------------------------------------------- full-size public sets


def cache_dir() -> Path:
    """Folder for what `full=True` downloads: outside the checkout, in the user's cache.

    Set the environment variable `THINKING_IN_KERAS_CACHE` to move it.
    """
    import pooch

    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("thinking-in-keras"))


def fetch_full(
    url: str,
    sha256_expected: str,
    file: str | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Path of a full-size public file in the cache, downloaded if it is not there yet.

    The download goes to `<file>.part` and takes the final name only once its SHA-256 is right, so
    a half-written file is never used. A cut connection is resumed where it broke, also by a
    later call in a new process. Processes that ask for the same file at once wait for one
    another, and the file is fetched once.

    Args:
        url: where the file is published.
        sha256_expected: SHA-256 of the whole file, 64 hexadecimal digits.
        file: name in the cache, may hold forward slashes; default: the last part of `url`.
        attempts: how often in a row to try without getting a single new byte.
        pause: seconds to wait after the first failure; doubles with each further one.
        timeout: seconds without an answer after which the connection counts as cut.

    Raises:
        DataError: no network, the server refuses, the content is not the expected one, or the
            cache folder cannot be written or is full.
    """
    from filelock import FileLock

    if not re.fullmatch(r"[0-9a-f]{64}", sha256_expected):
        raise ValueError(f"not a SHA-256 in lower-case hexadecimal digits: {sha256_expected!r}")
    target = cache_dir() / (file or url.rsplit("/", 1)[-1])
    if _is_whole(target, sha256_expected):
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if _is_whole(target, sha256_expected):  # another process was first
                return target
            _fetch_part(url, part, sha256_expected, attempts, pause, timeout)
            os.replace(part, target)
    except OSError as error:
        raise DataError(
            f"Cannot write to the cache folder {target.parent}: {error.strerror or error}. Free some "
            f"space, or set the environment variable {CACHE_VARIABLE} to a folder with room."
        ) from error
    return target


class _Cut(Exception):
    """The connection failed or ended early; trying again may help."""


def _is_whole(path: Path, expected: str) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    mark = (status.st_size, status.st_mtime_ns)
    if _verified.get(path) != mark:
        if sha256(path) != expected:
            return False
        _verified[path] = mark
    return True


def _fetch_part(url, part, expected, attempts, pause, timeout):
    """Complete `part` until its checksum is right, resuming what is there."""
    resumed = part.exists()
    _download(url, part, attempts, pause, timeout)
    found = sha256(part)
    if found != expected and resumed:
        # What an earlier run left may belong to another version: once more, from the start.
        part.unlink()
        _download(url, part, attempts, pause, timeout)
        found = sha256(part)
    if found != expected:
        part.unlink()
        raise DataError(
            f"What {url} sends is not the file this course was made with: its SHA-256 is {found}, "
            f"{expected} was expected. It was thrown away. A proxy or log-in page may have answered "
            "instead; if not, the publisher has changed the file. Without full=True the lesson uses "
            "the data in the checkout."
        )


def _download(url, part, attempts, pause, timeout):
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _receive(url, part, before, timeout)
        except _Cut as cut:
            gained = part.exists() and part.stat().st_size > before
            failures = 1 if gained else failures + 1
            if failures >= attempts:
                raise DataError(
                    f"Could not download {url}: {cut}. Is there a network? What has arrived is kept, "
                    "and the next call goes on from there. Without full=True the lesson uses the "
                    "data in the checkout."
                ) from cut
            time.sleep(pause * 2 ** (failures - 1))


def _receive(url, part, start, timeout):
    """One request for the bytes from `start` on, appended to `part`; `_Cut` if it ends early."""
    from tqdm.auto import tqdm

    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout
        )
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing beyond `start`: the file is whole, or was never this one
            if error.headers.get("Content-Range") == f"bytes */{start}":
                return
            part.unlink()
            raise _Cut("the server does not know the part that is here") from error
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _Cut(f"the server answered {error.code} {error.reason}") from error
        raise DataError(f"Could not download {url}: {error.code} {error.reason}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(str(getattr(error, "reason", error)) or type(error).__name__) from error

    with response:
        partial = response.status == 206
        if partial and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise _Cut("the server sent another part than the one asked for")
        length = response.headers.get("Content-Length")
        have = start if partial else 0  # a server without ranges starts over
        total = have + int(length) if length is not None else None
        with (
            open(part, "ab" if partial else "wb") as stream,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            while True:
                try:
                    chunk = response.read(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise _Cut(str(error) or type(error).__name__) from error
                if not chunk:
                    break
                stream.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise _Cut(f"the connection ended after {have:,} of {total:,} bytes")
