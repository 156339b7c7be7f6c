"""Pictures of graphs hold what the graph holds."""

import numpy as np
import pytest

pytensor = pytest.importorskip("pytensor")
pt = pytest.importorskip("pytensor.tensor")

from utils import figures  # noqa: E402
from utils.graphs import draw_graph, graph_operations  # noqa: E402


@pytest.fixture
def line():
    w, b, x = pt.scalar("w"), pt.scalar("b"), pt.vector("x")
    return w * x + b


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def middle(figure, name):
    return next(t.get_position() for t in figure.axes[0].texts if t.get_text() == name)


def test_operations_are_named_inputs_first(line):
    assert graph_operations(line) == ["Mul", "Add"]
    assert graph_operations([line, line.sum()]) == ["Mul", "Add", "Sum"]
    assert graph_operations(pt.scalar("w")) == []


def test_each_node_is_one_box(line):
    figure = draw_graph(line**2 + line)
    assert sorted(texts(figure)) == sorted(["w", "b", "x", "Mul", "Add", "Pow", "2", "Add"])


def test_a_constant_is_drawn_at_each_use():
    w = pt.scalar("w")
    two = pt.constant(2.0)
    assert texts(draw_graph((w + two) * two)).count("2") == 2


def test_result_on_top_and_first_operand_on_the_left():
    a, b = pt.scalar("a"), pt.scalar("b")
    for difference, left, right in [(a - b, "a", "b"), (b - a, "b", "a")]:
        figure = draw_graph(difference)
        assert middle(figure, left)[0] < middle(figure, right)[0]
        assert middle(figure, "Sub")[1] > middle(figure, left)[1]


def test_boxes_of_a_row_do_not_overlap():
    x = [pt.scalar(f"a_long_name_{n}") for n in range(5)]
    figure = draw_graph(pt.stack(x).sum() * x[0])
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()]
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[n + 1 :])
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width, "cut off at the page's edge"


def test_compiled_function_shows_its_updates():
    w = pytensor.shared(np.float32(5), name="w")
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        step = pytensor.function([], w + 1, updates=[(w, w * 3)])
    assert set(graph_operations(step)) == {"Add", "Mul"}
    legend = [text.get_text() for text in draw_graph(step).axes[0].get_legend().get_texts()]
    assert legend == ["operation", "shared value", "constant"]


def test_alternative_text_names_inputs_and_operations(line):
    figure = draw_graph(line, title="a line")
    assert figures.alt_text(figure) == "a line: from w, x, b at the bottom up through Mul, Add."


def test_too_large_a_graph_is_refused():
    total = pt.scalar("w")
    for n in range(70):
        total = pt.sin(total) + n
    with pytest.raises(ValueError, match="boxes; draw a part"):
        draw_graph(total)
