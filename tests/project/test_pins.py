"""pyproject.toml, the lock files and environment.yml say the same."""

import itertools
import re
import subprocess
import tomllib

import pytest
import yaml
from course_in_small import ROOT
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

from tools import installer, lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"]]
LOCKED = lock.pins(lock.LOCK)
# What is installed beside the learner's environment: the packages asked for, and their pins.
BESIDE = {
    extra: (
        [Requirement(line) for line in PROJECT["optional-dependencies"][extra]],
        lock.pins(file),
    )
    for extra, file in (("test", lock.TEST_LOCK), ("book", lock.BOOK_LOCK))
}
CONDA = yaml.safe_load(lock.CONDA.read_text())
COMPUTERS = [
    {**default_environment(), **computer, **python}
    for computer, python in itertools.product(
        [
            {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
            {"sys_platform": "linux", "os_name": "posix", "platform_machine": "aarch64"},
            {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
            {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
        ],
        [
            {"python_version": version, "python_full_version": version + ".9"}
            for version in ("3.11", "3.12", "3.13")
        ],
    )
]


def named(computer: dict[str, str]) -> str:
    return "-".join(computer[k] for k in ("sys_platform", "platform_machine", "python_version"))


def holding(pins: list[Requirement], computer: dict[str, str]) -> dict[str, str]:
    """Package name -> version, of the pins that hold on a computer."""
    chosen = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(computer)]
    versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in chosen}
    assert len(versions) == len(chosen), "a package is pinned twice for one computer"
    return versions


@pytest.mark.parametrize("computer", COMPUTERS, ids=named)
def test_every_direct_dependency_is_pinned_within_its_range(computer):
    locked = holding(LOCKED, computer)
    beside = [(wanted, locked | holding(pins, computer)) for wanted, pins in BESIDE.values()]
    for requirements, pins in [(DIRECT, locked), *beside]:
        for requirement in requirements:
            if requirement.marker and not requirement.marker.evaluate(computer):
                continue
            assert requirement.name in pins
            version = Version(pins[requirement.name])
            assert version in requirement.specifier, f"{requirement} is pinned to {version}"


def test_the_learners_environment_is_without_what_tests_and_book_need():
    learners = {pin.name for pin in LOCKED}
    assert learners.isdisjoint({"jax", "jaxlib", "playwright", "torch", "sphinx"})
    for _, pins in BESIDE.values():
        assert learners.isdisjoint(pin.name for pin in pins), "its pins must not be shadowed"


@pytest.mark.parametrize(
    "file",
    [lock.LOCK, lock.TEST_LOCK, lock.BOOK_LOCK, lock.UV_LOCK],
    ids=lambda file: file.name,
)
def test_locks_are_hashed_and_name_no_host(file):
    for block in lock.blocks(file):
        assert re.match(r"[a-z0-9-]+==\S+ ", block), block
        assert "--hash=sha256:" in block, block
    assert "://" not in file.read_text()


def conda_pins() -> list[Requirement]:
    (pip,) = (entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))
    return [Requirement(line) for line in pip]


@pytest.mark.parametrize(
    "computer",
    [c for c in COMPUTERS if c["python_version"] == lock.CONDA_PYTHON],
    ids=named,
)
def test_conda_users_get_the_very_pins_of_the_lock(computer):
    assert holding(conda_pins(), computer) == holding(LOCKED, computer)


def test_conda_has_a_supported_python_and_the_file_is_up_to_date():
    assert f"python={lock.CONDA_PYTHON}" in CONDA["dependencies"]
    assert lock.CONDA.read_text() == lock.conda_environment(lock.LOCK), "run: make lock"


BEFORE = """\
keras==3.15.1 \\
    --hash=sha256:aa
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
gone==1 \\
    --hash=sha256:dd
rich==14.0 \\
    --hash=sha256:ee
"""
AFTER = BEFORE.replace("==2.5.5", "==2.6.0").replace("gone==1", "added==2")


def test_what_moved_is_a_table_of_versions():
    after = AFTER.replace("rich==14.0", "rich==15.0").replace("sha256:aa", "sha256:ff")
    assert lock.what_moved({"a.lock": (BEFORE, after), "b.lock": (BEFORE, BEFORE)}) == "\n".join(
        [
            "| file | package | before | now |",
            "|---|---|---|---|",
            "| a.lock | added | - | 2 |",
            "| a.lock | gone | 1 | - |",
            "| a.lock | **numpy** | 2.4.6, 2.5.5 | 2.4.6, 2.6.0 |",
            "| a.lock | rich | 14.0 | 15.0 |",
        ]
    )
    assert lock.what_moved({"a.lock": (BEFORE, BEFORE)}).startswith("No version moved")


def test_what_moved_is_seen_against_the_last_commit(tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    file = tmp_path / "a.lock"
    assert lock.committed(file) == "", "no checkout"
    file.write_text(BEFORE)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    file.write_text(AFTER)
    assert lock.committed(file) == BEFORE


def test_every_lock_file_is_looked_at():
    assert set(lock.LOCKS) == set(ROOT.glob("requirements*.lock"))


def test_the_pinned_uv_is_new_enough_for_the_setup_and_hashed():
    (pin,) = lock.pins(lock.UV_LOCK)
    assert (pin.name, pin.marker) == ("uv", None), "the set-up reads its version"
    assert Version(str(pin.specifier).removeprefix("==")).release >= installer.OLDEST_UV
