"""The benchmarks' tables, the words for the plot, and one real measurement."""

import sys

import pytest

from benchmarks import engines, plot, tables
from benchmarks.__main__ import FOLDER, OTHERS, main


def figures(step, first=2.0, memory=3e8, **more):
    found = {"step": step, "first_epoch": first, "compile": 1.0, "import": 0.5, "memory": memory}
    return {**found, **more}


ROUNDS = {
    ("theano", "mlp"): [figures(0.010), figures(0.030), figures(0.020)],
    ("tensorflow", "mlp"): [figures(0.040, 8.0), figures(0.041, 8.0), figures(0.039, 8.0)],
    ("theano", "cnn"): [figures(0.0051)],
}
TITLES = {"theano": "this engine", "tensorflow": "TF"}


def cells(table):
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(row) for row in rows}) == 1, "every row has as many cells as the header"
    return rows


def test_comparison_has_medians_ratios_and_spread():
    header, _, ours, theirs, alone = cells(
        tables.comparison(ROUNDS, ["mlp", "cnn"], TITLES, "theano")
    )
    assert header[:4] == ["net", "engine", "step, ms", "ours/its"]
    assert ours == ["mlp", "this engine", "20.0", "", "2.0", "", "1.0", "300", "", "3.00"]
    assert theirs[2:6] == ["40.0", "0.50", "8.0", "0.25"]
    assert alone[:3] == ["cnn", "this engine", "5.10"]


def test_without_our_engine_there_are_no_ratios():
    rounds = {("tensorflow", "mlp"): [figures(0.04)]}
    assert cells(tables.comparison(rounds, ["mlp"], TITLES, "theano"))[2][3] == ""


def test_memory_that_one_round_could_not_tell_is_left_blank():
    rounds = {("theano", "mlp"): [figures(0.04, memory=None)]}
    assert cells(tables.comparison(rounds, ["mlp"], TITLES, "theano"))[2][7] == ""


def test_a_step_beside_a_busy_process_is_shown_as_a_multiple():
    rounds = {("theano", "mlp"): [figures(0.04, busy=b) for b in (0.05, 0.06, 0.9)]}
    assert cells(tables.comparison(rounds, ["mlp"], TITLES, "theano"))[2][8] == "1.50"


def test_scaling_divides_by_the_batch_size():
    rounds = {("theano", "mlp@16"): [figures(0.032)], ("theano", "depth-5"): [figures(0.1)]}
    by_depth, by_batch = tables.scaling(rounds, ["depth-5"], {"mlp": [16, 64]}, "theano")
    assert cells(by_depth)[2:] == [["5", "1.0", "2.0"]]
    assert cells(by_batch)[2:] == [["mlp", "16", "32.0", "2000.0"]]


def test_plot_is_drawn_and_its_words_have_the_figures(tmp_path):
    plot.draw(ROUNDS, ["mlp", "cnn"], TITLES, tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    words = plot.describe(ROUNDS, ["mlp", "cnn"], TITLES)
    assert "Quickest a step: mlp, this engine (20.0 ms); cnn, this engine (5.1 ms)." in words


def test_the_page_tells_of_the_commands_beside_it():
    assert (FOLDER / "README.md").read_text(encoding="utf-8").endswith(f"\n\n{OTHERS}")
    for command in ("profile", "toolkit"):
        assert f"`python -m benchmarks.{command}" in OTHERS and (FOLDER / f"{command}.py").exists()


def test_a_process_that_fails_says_why():
    (ours,), _ = engines.available(["theano"])
    with pytest.raises(engines.Failed, match="no-such-net"):
        ours.measure("no-such-net", 4, 1, 2)


def test_one_net_on_this_engine_is_measured(capsys):
    assert main(["--quick", "--engine", "theano", "--net", "embedding"]) == 0
    row = cells(capsys.readouterr().out.split("\n\n")[1])[2]
    assert row[:2] == ["embedding", "this engine"]
    assert 0 < float(row[2]) < 1000 * float(row[4])
    assert float(row[8]) > 0


def test_an_engine_that_is_not_there_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(engines.build_environment, "TEST_PACKAGES", tmp_path)
    found, missing = engines.available(["jax", "tensorflow"])
    assert [engine.name for engine in found] == ["tensorflow"]
    assert found[0].python == sys.executable and ".testdeps" in missing["jax"]
