"""keras_theano can be installed without the course: its wheel has all of it, and asks for what it needs alone."""

import re
import tomllib
import zipfile
from email import message_from_string

import pytest
from course_in_small import ROOT
from git_files import git_files
from packaging.requirements import Requirement

from tools.wheel import ENGINE, build_wheel
from utils.processes import run_programs

PROJECT = tomllib.loads((ENGINE / "pyproject.toml").read_text("utf-8"))["project"]
COURSE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PAGE = (ENGINE / "README.md").read_text("utf-8")
OTHER_ENGINES = {"tensorflow", "tensorflow-cpu", "jax", "torch"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Name of a file -> its text, in a wheel that is built without a network."""
    path = build_wheel(tmp_path_factory.mktemp("course") / "wheel")
    assert path.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return message_from_string(wheel[name])


def version():
    (found,) = re.findall(
        r'^__version__ = "(\S+)"$', (ENGINE / "__init__.py").read_text("utf-8"), re.M
    )
    return found


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    listed = git_files("--cached", "--others", "--exclude-standard", "keras_theano/*.py")
    code = {name for name in wheel if ".dist-info/" not in name}
    assert code == {name for name in listed if (ROOT / name).exists()}


def test_its_name_version_and_page(metadata):
    assert (metadata["Name"], metadata["Version"]) == ("keras-theano", version())
    assert metadata["Requires-Python"].replace(" ", "").split(",") == ["<3.14", ">=3.11"]
    assert metadata.get_payload().strip() == PAGE.strip()


def test_the_licence_is_in_it(wheel, metadata):
    assert metadata["License-Expression"] == "MIT"
    (name,) = (name for name in wheel if name.endswith("/LICENSE"))
    assert wheel[name] == (ROOT / "LICENSE").read_text("utf-8")


def test_it_asks_for_what_its_project_says_and_for_no_other_engine(metadata):
    asked = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    always = [one for one in asked if "extra" not in str(one.marker)]
    assert sorted(map(str, always)) == sorted(
        str(Requirement(line)) for line in PROJECT["dependencies"]
    )
    assert OTHER_ENGINES.isdisjoint(one.name for one in always)


def test_the_course_asks_for_the_same_ranges_and_has_the_same_version():
    assert [line for line in PROJECT["dependencies"] if line not in COURSE["dependencies"]] == []
    (jax,) = PROJECT["optional-dependencies"]["jax"]
    assert jax in COURSE["optional-dependencies"]["test"]
    assert COURSE["requires-python"] == PROJECT["requires-python"]
    tables = [
        tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
        for folder in (ROOT, ENGINE)
    ]
    assert [table["dynamic"]["version"] for table in tables] == [
        {"attr": "keras_theano.__version__"}
    ] * 2


def test_who_installs_the_course_gets_the_engine_once():
    """The course's own package has the engine's modules, and so must not ask for the engine's, too."""
    names = {Requirement(line).name for line in COURSE["dependencies"]}
    assert "keras-theano" not in names and "keras_theano" not in names
    setuptools = pytest.importorskip("setuptools")
    find = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = setuptools.find_namespace_packages(str(ROOT), **find["packages"]["find"])
    engine = tomllib.loads((ENGINE / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert sorted(name for name in found if name.startswith("keras_theano")) == sorted(
        engine["packages"]
    )


def test_the_first_example_of_its_page_runs():
    example = PAGE.partition("## A first example")[2].partition("\n## ")[0]
    lines = [line[4:] for line in example.splitlines() if line.startswith("    ") or not line]
    program = "\n".join(lines).strip()
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    backend, loss = run_programs({"example": program})["example"].split()
    assert backend == "theano"
    assert float(loss) < 0.01
