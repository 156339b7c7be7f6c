"""utils.bowls draws the bowl of a line's loss and the way that the weights take in it, and says so in words."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils import bowls

X = np.array([1.0, 2.0, 3.0, 6.0])
Y = 2 * X + 3


def test_the_line_after_each_step_and_the_weights_on_the_bowl():
    figure = bowls.line_and_bowl(X, Y, np.array([0.0, 2.0, 2.5]), ("miles", "minutes"))
    left, right = figure.axes
    lines = [line.get_ydata()[-1] / line.get_xdata()[-1] for line in left.lines]
    assert lines == pytest.approx([0, 2, 2.5])
    assert left.get_xlabel() == "miles" and left.get_ylabel() == "minutes"
    bowl, way = right.lines
    best = bowl.get_xdata()[np.argmin(bowl.get_ydata())]
    assert best == pytest.approx((X * Y).mean() / (X**2).mean(), abs=0.1)
    assert way.get_ydata() == pytest.approx([((w * X - Y) ** 2).mean() for w in (0, 2, 2.5)])
    assert "from 0.0 to 2.5 in 2 steps" in figure.alt
    assert not plt.get_fignums()


def test_axes_do_not_depend_on_the_way():
    calm, wild = (bowls.line_and_bowl(X, Y, np.array(way)) for way in ([0.0, 2.7], [0.0, 1e9]))
    for ax, other in zip(calm.axes, wild.axes, strict=True):
        assert ax.axis() == other.axis()
    assert "to 1.0e+09 in 1 steps" in wild.alt


def test_a_path_says_how_far_the_last_line_is_from_the_best_one():
    path = np.array([[0.0, 2.0], [0.0, 4.0]])
    figure = bowls.path_in_bowl(X, Y, path, reach=(5, 5), unit="minutes")
    assert (
        "w 2.0 and b 3.0. After 1 steps the path is 1.0 minutes from the best line." in figure.alt
    )
    assert figure.axes[0].get_aspect() == "auto"
    assert not plt.get_fignums()


def test_the_bowl_of_standardised_numbers_looks_round():
    z = (X - X.mean()) / X.std()
    figure = bowls.path_in_bowl(z, Y, np.zeros((2, 1)), reach=(9, 9), unit="minutes")
    assert figure.axes[0].get_aspect() == 1


@pytest.mark.filterwarnings("error")
def test_a_path_that_has_left_for_good_is_drawn_without_a_warning():
    path = np.array([[0.0, 1e200], [0.0, np.inf]])
    figure = bowls.path_in_bowl(X, Y, path, reach=(5, 5), unit="minutes")
    assert "far away from the best line" in figure.alt
