"""The scripts that rebuild the packs: what they check, and how they fail."""

import importlib
import io
import json
import pickle
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from utils.data import packs

SCRIPTS = packs.DATA / "prepare"


@pytest.fixture
def script(monkeypatch):
    """Function that imports one of the scripts by name."""
    monkeypatch.syspath_prepend(SCRIPTS)
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) and str(SCRIPTS) in module.__file__:
            del sys.modules[name]


@pytest.fixture
def common(script, tmp_path, monkeypatch):
    module = script("common")
    monkeypatch.setattr(module, "DATA", tmp_path)
    monkeypatch.setattr(sys, "argv", ["script"])
    monkeypatch.delenv("COURSE_PACKAGES", raising=False)
    return module


def test_all_packs_are_rebuilt_but_what_takes_hours_to_learn(tmp_path):
    (tmp_path / "prepare").mkdir()
    shutil.copy(SCRIPTS / "all.py", tmp_path / "prepare")
    for pack, ends in {"good": 0, "bad": 1, "weights": 0}.items():
        (tmp_path / pack).mkdir()
        (tmp_path / pack / "files.json").write_text("{}")
        script = f"import sys\nprint({pack!r}, flush=True)\nsys.exit({ends})"
        (tmp_path / "prepare" / f"{pack}.py").write_text(script)
    command = [sys.executable, tmp_path / "prepare" / "all.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["bad", "good"]
    assert (done.returncode, done.stderr.strip()) == (1, "not rebuilt as recorded: bad")


# ---------------------------------------------------------------- writing a pack


def build(text):
    def write(folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text(text)

    return write


def test_a_first_build_is_recorded_and_a_second_compared(common, tmp_path, capsys):
    common.run("pack", build("one"))
    listed = json.loads((tmp_path / "pack" / "files.json").read_text())
    assert listed.keys() == {"deep/a.txt"} and listed["deep/a.txt"]["bytes"] == 3
    (tmp_path / "pack" / "card.toml").write_text("title = 'by hand'")
    (tmp_path / "pack" / "left-over.txt").write_text("no longer made")
    common.run("pack", build("one"))
    assert "checksums as recorded" in capsys.readouterr().out
    left = {path.name for path in (tmp_path / "pack").iterdir()}
    assert left == {"card.toml", "files.json", "deep"}


def test_other_content_is_refused_and_nothing_replaced(common, tmp_path):
    common.run("pack", build("one"))
    with pytest.raises(SystemExit, match="1 of 1 files differ.*deep/a.txt"):
        common.run("pack", build("two"))
    assert (tmp_path / "pack" / "deep" / "a.txt").read_text() == "one"
    assert {path.name for path in tmp_path.iterdir()} == {"pack"}


def test_other_content_can_be_accepted(common, tmp_path, monkeypatch):
    common.run("pack", build("one"))
    monkeypatch.setattr(sys, "argv", ["script", "--accept"])
    common.run("pack", build("two"))
    assert (tmp_path / "pack" / "deep" / "a.txt").read_text() == "two"


def test_arrays_of_objects_are_refused(common, tmp_path):
    with pytest.raises(TypeError, match="would need pickle"):
        common.save_npz(tmp_path / "x.npz", x=np.array([{}], object))


# ---------------------------------------------------------------- getting a package


def test_a_missing_client_is_named(common, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="there is no apt-get on this machine"):
        common.debian("tuxpaint-stamps-default", "1")


def test_a_package_that_cannot_be_had_is_named(common, monkeypatch, tmp_path):
    client = tmp_path / "bin" / "npm"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=":")
    with pytest.raises(SystemExit, match="(?s)npm could not fetch thing 9.*no such version"):
        common.npm("thing", "9")


# ---------------------------------------------------------------- drawing splits


def test_stratified_parts_are_disjoint_and_even(common):
    labels = np.repeat([0, 1, 2], 10)
    first, second = common.stratified(labels, [6, 3], seed=0)
    assert not set(first) & set(second)
    assert np.bincount(labels[first]).tolist() == [6, 6, 6]
    assert np.bincount(labels[second]).tolist() == [3, 3, 3]


def test_groups_stay_together_and_shares_are_kept(common):
    rows = [{"class": "a", "group": str(k // 3)} for k in range(60)]
    shares = {"train": 0.5, "validation": 0.2, "test": 0.3}
    splits = common.split_by_group(rows, shares, seed=1)
    homes = {row["group"]: set() for row in rows}
    for row, split in zip(rows, splits, strict=True):
        homes[row["group"]].add(split)
    assert all(len(found) == 1 for found in homes.values())
    assert [splits.count(name) for name in shares] == [30, 12, 18]
    assert common.split_by_group(rows, shares, seed=1) == splits


# ---------------------------------------------------------------- reading the sources


def test_the_unpickler_takes_arrays_and_nothing_else(script):
    arrays_only = script("squeezenet").ArraysOnly
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    # The package's file was pickled under NumPy's old module name.
    packed = pickle.dumps({"w": [array]}, protocol=3).replace(
        b"numpy._core.multiarray", b"numpy.core.multiarray"
    )
    loaded = arrays_only(io.BytesIO(packed), encoding="latin1").load()
    assert (loaded["w"][0] == array).all()

    class Harmful:
        def __reduce__(self):
            return print, ("this must not run",)

    with pytest.raises(pickle.UnpicklingError, match="builtins.print, which is refused"):
        arrays_only(io.BytesIO(pickle.dumps(Harmful(), protocol=4))).load()


def qt_archive(files):
    """A version 1 archive with one folder `d` that holds `{name: (flags, payload)}`."""
    names, name_at = b"", {}
    for name in ["", "d", *files]:
        name_at[name] = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    data, tree = (
        b"",
        struct.pack(">IHII", 0, 2, 1, 1) + struct.pack(">IHII", name_at["d"], 2, len(files), 2),
    )
    for name, (flags, payload) in files.items():
        tree += struct.pack(">IHHHI", name_at[name], flags, 0, 0, len(data))
        data += struct.pack(">I", len(payload)) + payload
    start = 20
    header = struct.pack(
        ">4s4I", b"qres", 1, start, start + len(tree), start + len(tree) + len(data)
    )
    return header + tree + data + names


def test_qt_archives(script, tmp_path):
    packed = struct.pack(">I", 5) + zlib.compress(b"hello")
    (tmp_path / "x.rcc").write_bytes(
        qt_archive({"plain.txt": (0, b"abc"), "packed.txt": (1, packed)})
    )
    read_rcc = script("rcc").read_rcc
    assert read_rcc(tmp_path / "x.rcc") == {"d/plain.txt": b"abc", "d/packed.txt": b"hello"}
    (tmp_path / "y.rcc").write_bytes(b"something else, at some length")
    with pytest.raises(ValueError, match="not a Qt resource archive"):
        read_rcc(tmp_path / "y.rcc")


def test_attribution_comes_from_the_nearest_readme(script):
    attribution = script("scenes").attribution
    files = {
        "a/resource/README": b"Copyright: Ann\nLicense: CC0-1.0\nSource: there\nFiles:\np/x.webp\n"
        b"\nCopyright: Bob\nLicense: CC-BY-SA 4.0\nFiles: p/y.webp",
        "a/resource/p/x.webp": b"",
    }
    assert attribution(files, "a/resource/p/x.webp") == ("Ann", "CC0 1.0", "there")
    with pytest.raises(KeyError, match="CC-BY-SA"):
        attribution(files, "a/resource/p/y.webp")
    with pytest.raises(ValueError, match="says nothing of"):
        attribution(files, "a/resource/p/z.webp")


def test_cut_outs_are_cropped_and_never_enlarged(script, tmp_path):
    cut_out = script("photos").cut_out
    picture = Image.new("RGBA", (600, 300))
    picture.paste((10, 200, 30, 255), (100, 50, 580, 290))
    picture.save(tmp_path / "large.png")
    large = cut_out(tmp_path / "large.png")
    assert large.size == (240, 120) and large.getpixel((120, 60)) == (10, 200, 30, 255)
    picture.resize((60, 30)).save(tmp_path / "small.png")
    assert max(cut_out(tmp_path / "small.png").size) <= 60


def test_emoji_that_look_alike_are_grouped(script):
    groups_of_alike = script("emoji").groups_of_alike
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 16, 16, 3), np.uint8)
    tiles = [
        Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST) for pixels in coarse
    ]
    nearly = np.asarray(tiles[0]).copy()
    nearly[:8, :8] = 255
    assert groups_of_alike([*tiles, Image.fromarray(nearly)]) == [0, 1, 2, 0]
