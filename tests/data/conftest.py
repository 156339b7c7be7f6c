"""Fixtures of the data tests."""

import shutil

import pytest

from utils.data import packs


@pytest.fixture
def damaged_pack(monkeypatch, tmp_path):
    """Function `damage(pack)`: from now on the loaders see the pack with its largest file cut."""

    def damage(pack):
        shutil.copytree(packs.DATA / pack, tmp_path / pack)
        largest = max(packs.pack_files(pack).items(), key=lambda item: item[1]["bytes"])[0]
        path = tmp_path / pack / largest
        path.write_bytes(path.read_bytes()[:-1])
        monkeypatch.setattr(packs, "DATA", tmp_path)

    return damage
