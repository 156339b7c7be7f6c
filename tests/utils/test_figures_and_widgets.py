"""utils.figures and utils.widgets, in an IPython shell where their output is caught."""

import base64
import gc
import io
import re
from types import SimpleNamespace

import ipywidgets
import matplotlib
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image, ImageFont

from utils import figures, widgets


@pytest.fixture
def shell(monkeypatch):
    """An IPython shell that keeps what is published: list of dicts in `shell.published`."""
    shell = InteractiveShell.instance()
    published = []

    def publish(data, metadata=None, *, transient=None, update=False, **kwargs):
        published.append({"data": data, "update": update, "transient": transient})

    monkeypatch.setattr(shell.display_pub, "publish", publish)
    monkeypatch.setattr(InteractiveShell, "initialized", classmethod(lambda cls: True))
    shell.published = published
    yield shell
    InteractiveShell.clear_instance()


def picture_in(html):
    """The picture inside `<img src="data:...">`."""
    data = html.partition("base64,")[2].partition('"')[0]
    return Image.open(io.BytesIO(base64.b64decode(data)))


def figure(alt=None, size=(4, 3)):
    made = Figure(figsize=size)
    made.add_subplot().plot([1, 2])
    if alt is not None:
        made.alt = alt
    return made


def test_html_has_the_alt_text_escaped_and_the_picture():
    html = figures.to_html(figure('Loss < 1 & "falling"'))
    assert 'alt="Loss &lt; 1 &amp; &quot;falling&quot;"' in html
    assert 'width="320"' in html
    assert picture_in(html).size == (4 * figures.SAVED_DPI, 3 * figures.SAVED_DPI)


def test_html_without_alt_text_has_an_empty_one():
    assert 'alt=""' in figures.to_html(figure())


def test_photographs_are_stored_smaller_than_png():
    noisy = Figure(figsize=(6, 6))
    rng = np.random.default_rng(0)
    noisy.add_subplot().imshow(rng.random((900, 900, 3)))
    html = figures.to_html(noisy)
    assert picture_in(html).format == "WEBP"
    png = io.BytesIO()
    picture_in(html).save(png, "png")
    assert len(html) < len(png.getvalue())


def test_a_large_drawing_that_png_stores_smaller_is_png():
    lines = Figure(figsize=(9, 9))
    made = lines.add_subplot()
    made.imshow(np.random.default_rng(0).integers(0, 2, (90, 90)), cmap="gray")
    assert picture_in(figures.to_html(lines)).format == "PNG"


def shown(figure):
    """The values of a grid's pictures as they are drawn, all from 0 to 1."""
    return [ax.images[0].get_array() for ax in figure.axes if ax.images]


COLOUR = np.random.default_rng(0).random((3, 6, 4, 3))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (COLOUR, COLOUR),
        ((COLOUR * 255).astype(np.uint8), (COLOUR * 255).astype(np.uint8) / 255),
        (COLOUR[..., 0], COLOUR[..., 0]),
        (COLOUR[..., :1], COLOUR[..., 0]),
        (COLOUR[..., 0] > 0.5, COLOUR[..., 0] > 0.5),
        (2 * COLOUR - 1, (COLOUR - COLOUR.min()) / (COLOUR.max() - COLOUR.min())),
        (255 * COLOUR, (COLOUR - COLOUR.min()) / (COLOUR.max() - COLOUR.min())),
        (np.full((3, 2, 2), 7.0), np.zeros((3, 2, 2))),
        (np.uint8([[[0, 10]]]), np.array([[[0, 10]]]) / 255),
    ],
)
def test_pictures_of_any_range_and_grey_ones(images, expected, capfd):
    grid = figures.picture_grid(images, ["a"] * len(images))
    assert np.allclose(shown(grid), expected)
    figures.to_html(grid)
    assert capfd.readouterr().err == "", "Matplotlib warns of values that it cuts off"
    assert all(ax.images[0].get_cmap().name == "gray" for ax in grid.axes if ax.images)


def test_limits_say_what_is_black_and_what_is_white():
    grid = figures.picture_grid(np.array([[[-2.0, -1.0, 0.0, 1.0, 5.0]]]), ["a"], limits=(-1, 1))
    assert shown(grid)[0].tolist() == [[0, 0, 0.5, 1, 1]]
    grid = figures.picture_grid(np.uint8([[[0, 100, 150, 200]]]), ["a"], limits=(100, 200))
    assert shown(grid)[0].tolist() == [[0, 0, 0.5, 1]]


def test_picture_grid_says_what_it_shows_and_leaves_no_open_figure():
    wide, tall = np.zeros((10, 40, 3)), np.zeros((40, 10))
    grid = figures.picture_grid([wide, tall, wide], ["one", "two\nlines", "three"], 2, "Paintings")
    assert grid.alt == "Paintings: one, two lines, three."
    assert figures.picture_grid([wide], ["one"]).alt == "Pictures: one."
    assert figures.picture_grid([wide] * 3, ["one", "", ""]).alt == "Pictures: one."
    assert figures.picture_grid([wide], [""]).alt == "Pictures."
    assert grid.get_figwidth() == 2 * 1.6 and grid.get_figheight() > 2 * 4 * 1.6
    assert {ax.title.get_fontsize() for ax in grid.axes} >= {10}
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("images", "titles", "words"),
    [
        ([], [], "0 pictures"),
        (COLOUR, ["a"], "3 pictures and 1 titles"),
        (COLOUR[0, :, :, :2][None], ["a"], r"not \(6, 4, 2\)"),
        (COLOUR[0, 0], ["a"] * 4, r"not \(3,\)"),
        (COLOUR[None], ["a"], r"not \(3, 6, 4, 3\)"),
        (np.full((1, 2, 2), np.nan), ["a"], "not a number"),
    ],
)
def test_pictures_that_cannot_be_shown(images, titles, words):
    with pytest.raises(ValueError, match=words):
        figures.picture_grid(images, titles)


WEIGHTS = np.array([[0.1, 0.9, 0.0], [0.5, 0.3, 0.2], [0.0, 0.0, 0.0], [0.2, 0.2, 0.6]])
LOOKS = "vier: four (0.90), zwei: three (0.50), drei: nowhere, und: € $5 (0.60)."


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_attention_is_drawn_as_it_is_and_said_in_words():
    rows, columns = ["vier", "zwei", "drei", "und"], ["three", "four", "€ $5"]
    made = figures.show_attention(WEIGHTS, rows, columns, "Numbers")
    assert made.alt == f"Numbers. Where each looks most: {LOOKS}"
    ax = made.axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), WEIGHTS)
    assert ax.images[0].get_clim() == (0, 0.9)
    assert ticks(ax.xaxis) == columns and ticks(ax.yaxis) == rows
    assert {label.get_fontsize() for label in ax.get_xticklabels() + ax.get_yticklabels()} == {10}
    assert plt.get_fignums() == []
    assert figures.to_html(made)  # "$" is no formula


def test_attention_of_heads_has_a_picture_for_each_and_fits_on_the_page():
    heads = np.stack([WEIGHTS] * 5)
    made = figures.show_attention(heads, range(4), ["a" * 9, "b" * 9, "c" * 9])
    assert [ax.get_title() for ax in made.axes if ax.images] == [f"head {n}" for n in range(1, 6)]
    assert made.alt.startswith("Attention. Where each looks most: Head 1: 0: bbbbbbbbb (0.90), ")
    wide = figures.show_attention(np.full((5, 3, 17), 0.1), range(3), range(17))
    assert wide.get_figwidth() <= figures.PAGE
    assert sum(bool(ax.images) for ax in wide.axes) == 5


def test_sentences_that_are_looked_at_stand_below_one_another():
    story = ["Emil went to the hall.", "Anna took the apple.", "Emil sat down."]
    made = figures.show_attention(WEIGHTS[:2], ["hop 1", "hop 2"], story)
    assert ticks(made.axes[0].yaxis) == story and ticks(made.axes[0].xaxis) == ["hop 1", "hop 2"]
    np.testing.assert_array_equal(made.axes[0].images[0].get_array(), WEIGHTS[:2].T)
    assert "hop 1: Anna took the apple. (0.90), hop 2: Emil went to the hall. (0.50)." in made.alt


def test_no_text_of_attention_is_cut_off():
    made = figures.show_attention(
        np.full((3, 8), 1 / 8), ["a long row's text"] * 3, ["abcdefghi"] * 8
    )
    made.draw_without_rendering()
    page = made.bbox
    for label in made.axes[0].get_xticklabels() + made.axes[0].get_yticklabels():
        box = label.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (WEIGHTS.T, r"4 rows and 3 columns need weights of the shape \(4, 3\), .* not \(3, 4\)"),
        (WEIGHTS[None, None], "not \\(1, 1, 4, 3\\)"),
        (WEIGHTS - 0.1, "these between -0.1 and 0.8: a softmax makes weights"),
        (WEIGHTS * 9, "between 0 and 8.1"),
        (WEIGHTS * np.nan, "between nan"),
        (np.zeros((0, 4, 3)), "no weights to show"),
    ],
)
def test_what_is_no_attention_is_refused(weights, words):
    with pytest.raises(ValueError, match=words):
        figures.show_attention(weights, range(4), range(3))


def test_notebook_shows_figures_as_html_alone():
    """In a real kernel, as the front end sees it, also after a setup cell that was run twice."""
    from nbclient import execute
    from nbformat.v4 import new_code_cell, new_notebook

    style = "from utils.figures import use_style\nuse_style()\nuse_style()"
    plot = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nfig.alt = 'A line.'"
    notebook = execute(new_notebook(cells=[new_code_cell(style), new_code_cell(plot)]))
    assert notebook.cells[0].outputs == []
    (output,) = notebook.cells[1].outputs
    assert 'alt="A line."' in output.data["text/html"]
    assert "image/png" not in output.data


def draw(rate=0.5, kind="sine"):
    made, _ = plt.subplots(figsize=(3, 2))
    made.alt = f"{kind} at {rate:.2f}"
    return made


@pytest.fixture
def controls(monkeypatch):
    """A function that gives the controls of the last `explore`, and `box()`, what holds them."""
    made = []

    class Box(ipywidgets.VBox):
        def __init__(self, children):
            super().__init__(children)
            made.append(self)

    monkeypatch.setattr(ipywidgets, "VBox", Box)

    def controls():
        return controls.box().children

    controls.box = lambda: made[-1]
    return controls


def test_explore_shows_controls_and_a_picture_apart(shell):
    widgets.explore(draw, rate=(0.0, 1.0, 0.1), kind=["sine", "cosine"])
    pictures = [p["data"] for p in shell.published if "text/html" in p["data"]]
    assert len(pictures) == 1
    assert 'alt="sine at 0.50"' in pictures[0]["text/html"]
    assert ">Run this cell to change: rate, kind.<" in pictures[0]["text/html"]
    assert not any("widget" in kind for kind in pictures[0])
    (box,) = [p["data"] for p in shell.published if "text/html" not in p["data"]]
    assert any("widget-view" in kind for kind in box)


def test_moving_a_control_updates_the_same_picture(shell, controls):
    widgets.explore(draw, rate=(0.0, 1.0, 0.1), kind=["sine", "cosine"])
    first = next(p for p in shell.published if "text/html" in p["data"])
    rate, kind = controls()
    rate.value = 0.8
    kind.value = "cosine"
    updates = [p for p in shell.published if p["update"]]
    assert 'alt="sine at 0.80"' in updates[0]["data"]["text/html"]
    assert 'alt="cosine at 0.80"' in updates[1]["data"]["text/html"]
    assert {p["transient"]["display_id"] for p in updates} == {first["transient"]["display_id"]}


def test_explore_leaves_no_open_figures(shell, controls):
    plt.close("all")
    widgets.explore(draw, rate=(0.0, 1.0))
    controls()[0].value = 0.9
    assert plt.get_fignums() == []


def test_controls_are_called_in_words(shell, controls):
    own = ipywidgets.Checkbox()
    widgets.explore(
        lambda n, to_all, own, w: draw(),
        labels={"n": "photographs <each>", "own": "mine"},
        n=(1, 9),
        to_all=["yes", "no"],
        own=own,
        w=(0.0, 1.0),
    )
    said = ["photographs <each>", "to all", "mine", "w"]
    assert [control.description for control in controls()] == said
    assert len({c.style.description_width for c in controls() if c is not own}) == 1
    page = shell.published[-1]["data"]["text/html"]
    assert ">Run this cell to change: photographs &lt;each&gt;, to all, mine, w.<" in page


@pytest.mark.parametrize("label", ["remedy", "momentum", "word", "mmm", "PSNR", "WWW", "L2", "i"])
def test_there_is_room_for_a_label_of_wide_letters(shell, controls, label):
    widgets.explore(lambda x: draw(), labels={"x": label}, x=(0.0, 1.0))
    width = controls()[0].style.description_width
    font = ImageFont.truetype(matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf", 100)
    assert font.getlength(label) <= float(width.removesuffix("ch")) * font.getlength("0")


def test_a_label_of_no_control_is_refused(shell):
    with pytest.raises(ValueError, match="A label for rat, but the controls are rate, kind"):
        widgets.explore(draw, labels={"rat": "rate"}, rate=(0.0, 1.0), kind=["a", "b"])


def test_the_picture_is_pale_only_while_it_is_drawn(shell, controls):
    seen = []

    def watched(rate=0.5):
        seen.append("explore-drawing" in widgets_box()._dom_classes if shell.published else None)
        if rate > 0.9:
            raise ValueError("the rate is too high")
        return draw(rate)

    widgets_box = controls.box
    widgets.explore(watched, rate=(0.0, 1.0))
    for rate in 0.7, 1.0:
        controls()[0].value = rate
        assert widgets_box()._dom_classes == ("explore",)
    assert seen == [None, True, True]


def test_slowest_tries_the_ends_of_all_controls(shell, monkeypatch):
    tried, clock, cpu = [], [0.0], [0.0]
    fake = SimpleNamespace(perf_counter=lambda: clock[0], process_time=lambda: cpu[0])
    monkeypatch.setattr(widgets, "time", fake)

    def wait(rate=0.5, kind="sine", mark=True):
        tried.append((rate, kind, mark))
        clock[0] += 3.5 if kind == "cosine" else 0.5
        clock[0] += 9 if kind == "line" else 0  # another program held the processor
        cpu[0] += 7.0 if kind == "cosine" else 0.5  # two threads of ours did
        return draw(rate)

    monkeypatch.setattr(widgets, "_explored", [])
    assert widgets.slowest() == (0.0, "")
    mark = ipywidgets.Checkbox(True)
    widgets.explore(wait, rate=(0.0, 1.0, 0.1), kind=["sine", "cosine", "line"], mark=mark)
    shell.published.clear()
    assert widgets.slowest() == (3.5, "wait(kind='cosine')")
    assert tried[1:] == [
        (0.0, "sine", True),
        (1.0, "sine", True),
        (0.5, "sine", True),
        (0.5, "cosine", True),
        (0.5, "line", True),
        (0.5, "sine", True),
    ]
    assert shell.published == []


def test_slowest_tries_the_ends_of_many_menus_and_leaves_cleaning_up_for_later(shell, monkeypatch):
    tried = []

    def rated(**stars):
        tried.append((tuple(stars.values()), gc.isenabled()))
        return draw(0.5)

    monkeypatch.setattr(widgets, "_explored", [])
    widgets.explore(rated, **{film: [1, 2, 3] for film in "abcd"})
    tried.clear()
    widgets.slowest()
    ends = [(1, 1, 1, 1)] * 8
    for place in range(4):
        ends[2 * place + 1] = tuple(3 if film == place else 1 for film in range(4))
    assert tried == [(values, False) for values in ends]
    assert gc.isenabled()


def test_an_error_while_moving_is_shown(shell, controls):
    def fails(rate=0.5):
        if rate > 0.7:
            raise ValueError("the rate is too high")
        return draw(rate)

    widgets.explore(fails, rate=(0.0, 1.0))
    controls()[0].value = 0.9
    assert "the rate is too high" in shell.published[-1]["data"]["text/plain"]


def test_control_kinds(shell, controls):
    def settings(whole, real, own, pick):
        return draw()

    own = ipywidgets.Checkbox()
    widgets.explore(settings, whole=(1, 9), real=(0.0, 1.0), own=own, pick=["a", "b"])
    whole, real, given, pick = controls()
    assert isinstance(whole, ipywidgets.IntSlider) and whole.value == 5 and whole.step == 1
    assert isinstance(real, ipywidgets.FloatSlider) and real.value == 0.5
    assert given is own and own.description == "own"
    assert isinstance(pick, ipywidgets.Dropdown) and pick.value == "a"


@pytest.mark.parametrize("bad", [5, (1,), (1, 2, 3, 4), "word"])
def test_bad_control_is_refused(shell, bad):
    with pytest.raises(TypeError, match="Control 'rate'"):
        widgets.explore(draw, rate=bad)


def test_function_that_returns_no_figure_is_refused(shell):
    with pytest.raises(TypeError, match="returns a Figure"):
        widgets.explore(lambda rate: None, rate=(0.0, 1.0))
    assert shell.published == []


@pytest.mark.parametrize(
    ("options", "rule"), [({}, "|:---|---:|---:|"), ({"others": ":---"}, "|:---|:---|:---|")]
)
def test_table(options, rule):
    shown = figures.table(["way", "ms", "lines"], [["Keras", 1.5, 9]], **options)
    assert shown.data.splitlines() == ["| way | ms | lines |", rule, "| Keras | 1.5 | 9 |"]


@pytest.mark.parametrize(
    ("cells", "side"),
    [
        ([1, 20_000], "---:"),
        (["+0.35", "-1.2", "−3", "± 0.1", ".5", "1e-05"], "---:"),
        (["**0.51**", "~3", "< 0.01", "7 s", "42%", "1,168"], "---:"),
        (["0.946 to 0.967", "0.728 (0.711 to 0.744)", "-0.008 ± 0.008"], "---:"),
        (["0.462", "", " ", "-", "–"], "---:"),
        ([float("nan"), float("-inf"), 0.5], "---:"),
        (["Dangerous Minds", "Big Daddy"], ":---"),
        (["12 Angry Men", "Jumanji"], ":---"),
        (["stops", "**goes on**"], ":---"),
        (["bias -0.54, year +0.37"], ":---"),
        (["-inf for padding", 'if "1"'], ":---"),
        (["nancy", "infinite"], ":---"),
    ],
)
def test_table_puts_numbers_right_and_text_left(cells, side):
    shown = figures.table(["", "what"], [["row", cell] for cell in cells])
    assert shown.data.splitlines()[1] == f"|:---|{side}|"


def test_table_with_a_short_row():
    with pytest.raises(ValueError, match="3 cells"):
        figures.table(["way", "ms", "lines"], [["Keras", 1.5]])


def test_dates_on_an_axis_do_not_touch():
    with plt.rc_context(figures.STYLE):
        fig, ax = plt.subplots(figsize=(9, 3.2))
        ax.plot(np.datetime64("2013-10-01") + np.arange(92), np.arange(92))
        fig.draw_without_rendering()
    labels = [label for label in ax.get_xticklabels() if label.get_visible()]
    assert [label.get_text() for label in labels][:3] == ["01 Oct", "15 Oct", "01 Nov"]
    ends = [(box.x0, box.x1) for box in (label.get_window_extent() for label in labels)]
    assert all(end < start for (_, end), (start, _) in zip(ends, ends[1:], strict=False))


def test_coloured_text_keeps_the_text_and_colours_by_number():
    shown = figures.coloured_text("a<\nb", [0, 5, 20, -3], (0, 10)).data
    letters = re.findall(r'<span style="background:(#[0-9a-f]{6})">(.*?)</span>', shown, re.S)
    assert [letter for _, letter in letters] == ["a", "&lt;", "\n", "b"]
    least, middle, most, below = [ground for ground, _ in letters]
    assert least == below != middle != most


def test_coloured_text_needs_a_number_for_each_character():
    with pytest.raises(ValueError, match="3 characters, but there are 2"):
        figures.coloured_text("abc", [1, 2], (0, 1))


def test_pipeline_draws_a_row_of_boxes():
    fig = figures.pipeline(["image\n8 × 8", "look", "answer"])
    assert fig.alt == "Boxes in a row: image, look, answer."
    assert len(fig.axes[0].patches) == 3
    assert "✂" not in [text.get_text() for text in fig.axes[0].texts]


def test_pipeline_is_cut_and_gets_a_new_head():
    stages = ["image", "look\n512", "answer", "mean"]
    fig = figures.pipeline(stages, cut="look", new=["ours\n4 scores"])
    assert fig.alt == (
        "Boxes in a row: image, look, answer, mean. Scissors cut behind look; what follows is pale. "
        "Below it, instead: ours."
    )
    boxes = {box.get_x() + 0.36: box for box in fig.axes[0].patches}
    edges = [box.get_edgecolor() for box in fig.axes[0].patches]
    assert len(boxes) == 4 and len(edges) == 5  # the new one stands below a pale one
    assert edges[0] == edges[1] != edges[2] == edges[3] != edges[4]
    (scissors,) = [text for text in fig.axes[0].texts if text.get_text() == "✂"]
    assert scissors.get_position()[0] == 1.5  # between "look" and "answer"


def test_pipeline_with_a_road_past_a_stage():
    fig = figures.pipeline(["in", "block", "+"], roads=[("in", "+")])
    assert fig.alt.endswith(" A road leads from in to +, past what lies between.")
    (road,) = fig.axes[0].lines
    low, high = fig.axes[0].get_ylim()
    assert road.get_xdata()[0] == 0 and road.get_xdata()[-1] == 2
    assert all(low < height < high for height in road.get_ydata())


def test_pipeline_with_roads_within_roads_is_a_u():
    stages, roads = ["in", "a", "b", "low", "B", "A", "out"], [("a", "A"), ("b", "B")]
    fig = figures.pipeline(stages, roads=roads, deep=True)
    boxes = [round(box.get_y() + 0.28, 2) for box in fig.axes[0].patches]
    assert boxes == [0, 0, -1, -2, -1, 0, 0]
    arrows = [text for text in fig.axes[0].texts if hasattr(text, "xyann")]
    shown = {tuple(np.round([*arrow.xyann, *arrow.xy], 2)) for arrow in arrows}
    assert {(1.39, 0, 4.61, 0), (2.39, -1, 3.61, -1)} <= shown  # a road keeps to its row
    assert fig.axes[0].get_ylim()[0] < -2.3 and fig.alt.startswith("Boxes in a U: in, a, b, low")


def test_encoder_decoder_is_two_rows_of_boxes_in_the_words_it_is_given():
    fig = figures.encoder_decoder("sound", "letter")
    boxes = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 9
    assert fig.alt == (
        "Encoder: source sounds, read at the source, think, memory a vector each. Decoder: target "
        "letters so far, recall what is written, look at the memory, think, logits next letter. "
        "The likeliest letter goes back to the target."
    )


@pytest.mark.parametrize(
    ("stages", "options", "message"),
    [
        ([], {}, "no stage"),
        (["a", "b"], {"cut": "c"}, "no stage 'c'"),
        (["a", "b"], {"new": ["head"]}, "needs a `cut`"),
        (["a", "b"], {"roads": [("a", "c")]}, "no stage 'c' for a road"),
        (["a", "b"], {"cut": "a", "deep": True}, "not both"),
    ],
)
def test_pipeline_that_cannot_be(stages, options, message):
    with pytest.raises(ValueError, match=message):
        figures.pipeline(stages, **options)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_stamping_shows_one_place_and_no_answer_that_comes_later():
    picture = np.arange(20).reshape(4, 5)
    stamp = np.array([[0, 1, 0], [0, 0, -2], [0, 0, 0]])
    fig = figures.stamping(picture, stamp, row=1, column=0)
    assert fig._suptitle.get_text() == "6 × 1 + 12 × −2 = −18"
    shown, used, answers = fig.axes
    assert len(texts(shown)) == 20 and len(texts(used)) == 9
    assert texts(answers) == ["−13", "−14", "−15", "−18"]  # 1 - 2 * 7 and so on, then blanks
    (window,), (place,) = shown.patches, answers.patches
    assert (window.get_xy(), window.get_width()) == ((-0.5, 0.5), 3)
    assert (place.get_xy(), place.get_width()) == ((-0.5, 0.5), 1)
    assert "row 1, column 0" in fig.alt and "makes −18" in fig.alt


def test_stamping_shows_the_sign_by_colour():
    fig = figures.stamping(np.ones((3, 3)), np.array([[-1, 0, 1]] * 3))
    (image,) = fig.axes[1].images
    less, none, more = image.to_rgba(image.get_array())[0, :, :3]
    assert less[2] > less[0] and more[0] > more[2]  # blue below 0, red above
    assert none.min() > 0.95  # and white between


def test_stamping_of_nothing_but_zeros():
    assert figures.stamping(np.zeros((3, 3)), np.ones((3, 3)))._suptitle.get_text() == "0 = 0"


@pytest.mark.parametrize("place", [(2, 0), (0, 3), (-1, 0)])
def test_stamping_beside_the_picture(place):
    with pytest.raises(ValueError, match="2 x 3 places"):
        figures.stamping(np.zeros((4, 5)), np.ones((3, 3)), *place)
