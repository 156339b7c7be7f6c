"""tools/notebook.py: from script to notebook and back, tidy outputs, the table of checkpoints."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import hygiene
from tools import notebook as tool
from utils import workbook

SCRIPT = """# %% [markdown]
# # 42 Small
#
# COLAB

# %%
SETUP

# %% tags=["nbval-check-output"]
x = 1
print(x)

# %%
from utils import lesson

lesson.checkpoint("loss", 0.25, 0, 1)
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course in a folder of its own; returns the path of a script in it."""
    for module in (tool, hygiene):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for module in (tool, workbook):
        monkeypatch.setattr(module, "LESSONS", tmp_path / "lessons")
    monkeypatch.setattr(tool, "BUILD", tmp_path / "build")
    script = tmp_path / "build" / "lessons" / "part2" / "42-small.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    return script


def test_build_puts_in_setup_and_colab_link(course):
    path = tool.build(course)
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].source.startswith("# 42 Small")
    assert cells[0].source.endswith("/blob/main/lessons/part2/42-small.ipynb)")
    assert cells[1].source == hygiene.setup_source()
    assert cells[2].metadata.tags == ["nbval-check-output"]


def test_ids_survive_a_change_of_the_script(course):
    before = nbformat.read(tool.build(course), as_version=4).cells
    changed = SCRIPT.replace("x = 1", "x = 2").replace(
        "# %%\nSETUP", "# %% [markdown]\n# new\n\n# %%\nSETUP"
    )
    course.write_text(changed)
    after = nbformat.read(tool.build(course), as_version=4).cells
    assert [c.id for c in after if c.source != "new"] == [c.id for c in before]


def test_an_exercise_keeps_its_id_when_all_round_it_is_rewritten(course):
    def ids():
        cells = nbformat.read(tool.build(course), as_version=4).cells
        assert len({cell.id for cell in cells}) == len(cells)
        return {n: cell.id for cell in cells for n in ("1.1", "1.2") if f'"{n}"' in cell.source}

    exercises = ['# %%\na = ...\ncheck("1.1", a)\n', '# %%\nb = ...\ncheck("1.2", b)\n']
    course.write_text(SCRIPT + "# %%\ny = 1\n" + "".join(exercises))
    before = ids()
    course.write_text(SCRIPT + "# %%\nu = 1\n# %%\nv = 1\n" + "# new\n".join(exercises[::-1]))
    assert ids() == before


def test_script_and_build_are_inverse(course):
    path = tool.build(course)
    before = path.read_text()
    tool.build(tool.script(path))
    assert path.read_text() == before


def test_run_twice_gives_the_same_file_and_headlines(course):
    path = tool.build(course)
    tool.run(path)
    first = path.read_text()
    tool.run(path)
    assert path.read_text() == first
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.execution_count for cell in cells[1:]] == [1, 2, 3]
    chosen = tool.LESSONS / "headlines.toml"
    row = '[[headline]]\nlesson = "part2/42-small.ipynb"\ncheckpoint = "loss"\nhere = "a loss"\n'
    chosen.write_text(row + 'then = "0.3"\n')
    lines = tool.headlines().splitlines()
    assert lines[2] == "| [42](part2/42-small.ipynb) | a loss | 0.25 | 0 to 1 | 0.3 |"
    assert lines[-1] == "| [42-small](part2/42-small.ipynb) | 1 |  |"
    page = tool.with_tables(f"Before\n{tool.BEGIN}\nold\n{tool.END}\nafter\n", tool.headlines())
    assert "old" not in page and page.startswith("Before\n") and page.endswith("\nafter\n")
    with pytest.raises(ValueError, match="needs the lines"):
        tool.with_tables(f"Before\n{tool.BEGIN}\nwhat must not be lost\n", "")
    chosen.write_text(row.replace('"loss"', '"losses"'))
    with pytest.raises(ValueError, match="no checkpoint 'losses'"):
        tool.headlines()


def test_the_tables_in_the_readme_are_those_of_the_saved_lessons():
    page = (tool.LESSONS / "README.md").read_text(encoding="utf-8")
    assert tool.headlines() in page, "run: python tools/notebook.py headlines"


def test_a_failing_lesson_is_saved_as_far_as_it_got(course):
    course.write_text(SCRIPT.replace("0.25", "2.5"))
    path = tool.build(course)
    with pytest.raises(Exception, match="CheckpointError"):
        tool.run(path)
    assert not tool.check(path)
    assert any(
        "CheckpointError" in what
        for what in hygiene.problems(nbformat.read(path, as_version=4), path)
    )


def test_tidy_takes_out_widgets_and_joins_streams():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "7"}, "text/plain": "VBox()"}
    picture = {"text/html": '<img alt="A line." src="data:,">'}
    outputs = [
        new_output("stream", name="stdout", text="a"),
        new_output("stream", name="stdout", text="b\n"),
        new_output("display_data", view),
        new_output("display_data", picture),
    ]
    notebook = new_notebook(
        cells=[new_code_cell("x", outputs=outputs, metadata={"execution": {"t": "now"}})],
        metadata={
            "widgets": {"state": {}},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
    )
    (cell,) = tool.tidy(notebook).cells
    assert [output.get("text") or list(output.data) for output in cell.outputs] == [
        "ab\n",
        ["text/html"],
    ]
    assert cell.metadata == {} and "widgets" not in notebook.metadata
    assert "version" not in notebook.metadata.language_info


@pytest.mark.parametrize(
    "text, formulas",
    [
        ("the slope $g^2$ of $w$", 2),
        ("$$m \\leftarrow 0.9\\,m$$", 1),
        ("in lines:\n$$\na + b\n$$", 1),
        ("it costs $5, or $6 with tax", 0),
        ("`$HOME` and `$PATH`", 0),
        ("```\ncp $A $B\n```", 0),
        (r"a \$ sign and another \$", 0),
        ("no formula", 0),
    ],
)
def test_formulas_become_what_a_browser_draws_by_itself(text, formulas):
    (cell,) = tool.with_formulas(new_notebook(cells=[new_markdown_cell(text)])).cells
    assert cell.source.count("<math") == cell.source.count("</math>") == formulas
    if not formulas:
        assert cell.source == text


def test_a_number_names_a_lesson():
    assert tool.lesson_path("02").name == "02-how-a-network-learns.ipynb"
    assert tool.lesson_path("2") == tool.lesson_path("02")
    assert tool.lesson_path("02b").name == "02b-the-same-network-in-2017.ipynb"
    assert tool.lesson_path("some/where.ipynb").name == "where.ipynb"
    with pytest.raises(ValueError, match="no lesson '99'. Lessons: 00, 01, "):
        tool.lesson_path("99")
