"""Every pack is whole, documented and as its card and its list of files say."""

import importlib.util
import json
import re
import subprocess

import nbformat
import pytest

from tools import notebook
from utils.data import packs
from utils.lesson import read_checkpoints

PACKS = packs.pack_names()
PREPARE = packs.DATA / "prepare"


def load_index():
    spec = importlib.util.spec_from_file_location("data_index", PREPARE / "index.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("pack", PACKS)
def test_all_files_are_whole(pack):
    assert packs.pack_paths(pack)


@pytest.mark.parametrize("pack", PACKS)
def test_no_file_is_unlisted_and_no_pickle_is_shipped(pack):
    listed = packs.pack_files(pack).keys() | {"card.toml", "files.json", "README.md"}
    folder = packs.DATA / pack
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(listed)
    assert not [name for name in found if name.endswith((".pkl", ".pickle", ".joblib"))]


@pytest.mark.parametrize("pack", PACKS)
def test_a_script_rebuilds_it_and_its_licence_is_there(pack):
    assert (PREPARE / f"{pack}.py").is_file()
    card = packs.load_card(pack)
    assert card["licence_files"] and set(card["licence_files"]) <= packs.pack_files(pack).keys()


def test_cards_are_complete_and_rendered():
    index = load_index()
    found, complaints = index.cards()
    assert not complaints
    assert sorted(found) == PACKS
    for pack, card in found.items():
        rendered = (packs.DATA / pack / "README.md").read_text(encoding="utf-8")
        assert rendered == index.render_pack(pack, card), "run python data/prepare/index.py"
    rendered = (packs.DATA / "README.md").read_text(encoding="utf-8")
    assert rendered == index.render_index(found), "run python data/prepare/index.py"


# How a lesson asks for a pack, where that is not by load_<pack>. Scenes are composed of photos on scenes.
ASKED = {
    "digits": "load_digits|digits.npz",
    "photos": "load_photos|SceneComposer",
    "pictures": "load_picture",
    "scenes": "load_scenes|SceneComposer",
    "squeezenet": "squeezenet",
    "weights": r'pack_path\("weights"',
}


@pytest.mark.parametrize("pack", PACKS)
def test_a_card_names_the_lessons_that_use_its_pack(pack):
    asks = re.compile(ASKED.get(pack, f"load_{pack}"))
    users = [
        path.stem.partition("-")[0]
        for path in notebook.lessons()
        if any(
            cell.cell_type == "code" and asks.search(cell.source)
            for cell in nbformat.read(path, as_version=4).cells
        )
    ]
    assert packs.load_card(pack)["lessons"] == (", ".join(users) or "none")


PARTS = [(pack, part) for pack in PACKS for part in packs.load_card(pack).get("part", [])]


def test_each_file_of_weights_stands_in_one_part_of_the_card():
    of_parts = [name for pack, part in PARTS if pack == "weights" for name in part["files"]]
    licences = packs.load_card("weights")["licence_files"]
    assert sorted([*of_parts, *licences]) == sorted(packs.pack_files("weights"))


@pytest.mark.parametrize(
    "part", [part for _, part in PARTS], ids=[part["files"][0] for _, part in PARTS]
)
def test_a_card_has_the_figures_that_its_lesson_printed(part):
    printed = notebook.printed(notebook.LESSONS / part["lesson"])
    values = {one.name: f"{one.value:.3g}" for one in read_checkpoints(printed)}
    assert [
        values[name] for name in part["checkpoints"] if values[name] not in part["reached"]
    ] == []


@pytest.mark.parametrize(("weights", "most"), [(False, 40e6), (True, 13e6)])
def test_the_whole_folder_stays_small(weights, most):
    # The data are one thing, what the lessons' own code learnt from them another: each has a limit of its own.
    files = [path for path in packs.DATA.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files if (path.parent.name == "weights") == weights]
    assert 0 < sum(sizes) < most


def test_line_endings_are_left_alone():
    # Git would change CRLF on Windows, and with it the checksums.
    path = packs.DATA / "photos" / "photos.csv"
    shown = subprocess.run(
        ["git", "check-attr", "text", "--", path],
        cwd=packs.COURSE_ROOT,
        capture_output=True,
        text=True,
    )
    if shown.returncode == 128:
        pytest.skip("not a git checkout")
    assert shown.stdout.strip().endswith("text: unset")


def test_lists_of_files_hold_sizes_and_checksums():
    for pack in PACKS:
        listing = json.loads((packs.DATA / pack / "files.json").read_text())
        for entry in listing.values():
            assert entry.keys() == {"bytes", "sha256"} and len(entry["sha256"]) == 64
