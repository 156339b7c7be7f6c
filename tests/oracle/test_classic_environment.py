"""Finding an old Python, and the lock file of what it runs."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import lock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import build_environment  # noqa: E402 - found in tools/
import classic  # noqa: E402


def test_a_python_too_new_is_refused_by_name(monkeypatch):
    monkeypatch.setenv(classic.VARIABLE, sys.executable)
    with pytest.raises(build_environment.Refusal, match="is no Python 3.7 or 3.8"):
        classic.find_python()


def test_without_an_old_python_the_message_says_how_to_name_one(monkeypatch, tmp_path):
    monkeypatch.delenv(classic.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(build_environment.Refusal, match=classic.VARIABLE):
        classic.find_python()


def test_an_old_python_on_the_path_is_found(monkeypatch, tmp_path):
    python = tmp_path / "python3.7"
    python.write_text("#!/bin/sh\necho 3.7\n")
    python.chmod(0o755)
    broken = tmp_path / "python3.8"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.delenv(classic.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert classic.find_python() == str(python)


def test_the_classic_lock_is_hashed_and_names_no_host():
    text = classic.LOCK.read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert {"keras==2.3.1", "theano==1.0.5"} <= {entry.split()[0] for entry in entries}
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("version", classic.VERSIONS)
def test_the_classic_lock_pins_what_was_asked_for(version):
    python = {"python_version": version, "python_full_version": version + ".9"}
    pins = [p for p in lock.pins(classic.LOCK) if p.marker is None or p.marker.evaluate(python)]
    pinned = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
    assert len(pinned) == len(pins), "a package is pinned twice"
    for line in tomllib.loads(lock.CLASSIC)["project"]["dependencies"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[requirement.name])
