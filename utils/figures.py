"""Figures that look alike in every lesson and that a screen reader can describe.

`use_style()` runs once in a lesson's setup (by `utils.lesson.start`). From then on a notebook shows
a Matplotlib figure as HTML, `<img alt="...">`, with the words of its `alt` attribute:

    fig, ax = plt.subplots()
    ax.plot(losses)
    fig.alt = "The loss falls from 2.3 to 0.4 in ten epochs."

JupyterLab and nbconvert take alternative text from HTML only, not from a plain PNG output.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # imported where it is used: a lesson may choose Matplotlib's backend first
    from IPython.display import HTML, Markdown
    from matplotlib.figure import Figure

__all__ = [
    "alt_text",
    "coloured_text",
    "encoder_decoder",
    "picture_grid",
    "pipeline",
    "show_attention",
    "stamping",
    "table",
    "to_html",
    "use_style",
]

# Okabe and Ito's palette, told apart by colour-blind readers; black is left to text and axes.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6B6B"]
SHOWN_DPI = 80  # one figure inch is this many CSS pixels on the page ...
SAVED_DPI = 140  # ... drawn finer, so that it stays sharp on dense screens
PAGE = 10  # inches, the width that a figure has at most
NUMBER = re.compile(r"[*~<>≤≥≈±+−-]*\s*\.?\d|[-–—]?$|(nan|[+-]?inf)$")  # also a missing one
LARGE = 120_000  # bytes from which WebP is tried: photographs are several times smaller in it

STYLE = {
    "figure.figsize": (7.0, 4.0),
    "figure.facecolor": "white",  # also readable on JupyterLab's dark theme
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,  # bars and dots stand before the lines
    "grid.alpha": 0.25,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "date.autoformatter.day": "%d %b",  # Matplotlib's own, 2015-11-02, is so long that dates touch
    "date.autoformatter.month": "%b %Y",
    "lines.linewidth": 2,
}


def use_style() -> None:
    """Set the course's figure style and, in a notebook, show figures with alternative text.

    Safe to call again, and outside a notebook, where it sets the style alone.
    """
    import matplotlib

    matplotlib.rcParams.update(STYLE)
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=COLOURS)
    shell = _shell()
    if shell is None:
        return
    from matplotlib.figure import Figure

    # Inline first: it registers a PNG formatter of its own, which is then taken out again,
    # since both together would double the size of every saved notebook.
    shell.run_line_magic("matplotlib", "inline")
    matplotlib.rcParams.update(STYLE)
    formatters = shell.display_formatter.formatters
    formatters["image/png"].pop(Figure, None)
    formatters["text/html"].for_type(Figure, to_html)


def picture_grid(
    images: np.ndarray | Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int = 6,
    what: str = "Pictures",
    limits: tuple[float, float] | None = None,
    inches: float = 1.6,
) -> Figure:
    """A figure of pictures in rows, each with its title above; its `alt` lists those that are not empty.

    Args:
        images: array `(n, height, width, 3)` in colour, or `(n, height, width)` or `(n, height,
            width, 1)` in grey; or n such arrays of various sizes.
        titles: n strings; one may have two lines.
        columns: pictures in a row at most.
        what: what the pictures are, with which `alt` begins, such as "Photographs".
        limits: the values that are shown as black and as white (in colour: none of a colour and all
            of it); those beyond are cut off. Default: 0 and 255 for uint8, 0 and 1 for numbers that
            lie between, otherwise the least and the greatest of all pictures.
        inches: width of a picture; one inch is 80 pixels on the page.

    Raises:
        ValueError: no pictures, another number of titles, an array of another shape, or a value
            that is not a number.
    """
    import matplotlib.pyplot as plt

    if len(images) == 0 or len(images) != len(titles):
        raise ValueError(f"{len(images)} pictures and {len(titles)} titles were given.")
    pictures = _levels([_flat(np.asarray(image)) for image in images], limits)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    lines = max(title.count("\n") for title in titles) + 1
    height = inches * max(len(picture) / picture.shape[1] for picture in pictures)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(inches * columns, (height + 0.05 + 0.2 * lines) * rows),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=10)
    named = ", ".join(title.replace("\n", " ") for title in titles if title)
    figure.alt = f"{what}: {named}." if named else f"{what}."
    plt.close(figure)  # the notebook shows what is returned, once
    return figure


def _flat(picture):
    """A picture without an axis of a single grey channel."""
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim != 2 and picture.shape[2:] != (3,):
        raise ValueError(
            "A picture has the shape (height, width, 3), (height, width, 1) or (height, width), not "
            f"{picture.shape}."
        )
    return picture


def _levels(pictures, limits):
    """Pictures with values from 0 to 1."""
    if not all(np.isfinite(picture).all() for picture in pictures):
        raise ValueError("A picture has values that are infinite or not a number (NaN).")
    if limits is None and all(picture.dtype == np.uint8 for picture in pictures):
        limits = 0, 255
    if limits is None:
        limits = min(picture.min() for picture in pictures), max(p.max() for p in pictures)
        if limits[0] >= 0 and limits[1] <= 1:
            limits = 0, 1
    low, high = map(float, limits)
    return [np.clip((picture - low) / ((high - low) or 1), 0, 1) for picture in pictures]


def pipeline(
    stages: Sequence[str],
    cut: str | None = None,
    new: Sequence[str] = (),
    inches: float = 1.6,
    roads: Iterable[tuple[str, str]] = (),
    deep: bool = False,
) -> Figure:
    """A drawing of a network as a row of boxes; with `cut`, what is cut off and what comes instead.

    Args:
        stages: a text a box, in the order of computation; further lines of it are set smaller.
        cut: the first line of the last stage that is kept: scissors stand behind it, and the
            stages that follow are pale. None: nothing is cut.
        new: the stages of a new head, drawn below those that are cut off.
        inches: from one box to the next; one inch is 80 pixels on the page.
        roads: pairs of first lines of stages: an arrow leads from the one to the other, above those
            that it passes by.
        deep: a stage stands a row lower for each road that passes it by, so that roads within roads
            make a U and each leads straight to its end.

    Raises:
        ValueError: no stages, no stage is called `cut`, a new head without a cut, a road from or to
            no stage, or `deep` with a cut.
    """
    import matplotlib.pyplot as plt

    names = [stage.partition("\n")[0] for stage in stages]
    if not stages or cut not in [None, *names]:
        raise ValueError(f"There is no stage {cut!r} to cut behind, but {names}.")
    if new and cut is None:
        raise ValueError("A new head needs a `cut`, behind which it is put on.")
    roads = list(roads)
    if lost := {name for road in roads for name in road} - set(names):
        raise ValueError(f"There is no stage {lost.pop()!r} for a road, but {names}.")
    if deep and cut is not None:
        raise ValueError("A network is drawn as a U or with a `cut`, not both.")
    kept = len(stages) if cut is None else names.index(cut) + 1
    ends = [(names.index(start), names.index(end)) for start, end in roads]
    height = [-sum(deep and start < n < end for start, end in ends) for n in range(len(stages))]
    columns, rows = max(len(stages), kept + len(new)), 2 if new else 1 - min(height)
    top = 0.95 if roads and not deep else 0.55
    figure, ax = plt.subplots(figsize=(inches * columns, 0.95 * (rows - 0.55 + top)))
    for n, stage in enumerate(stages):
        level = n > 0 and height[n] == height[n - 1]
        _box(ax, n, height[n], stage, arrow=level, colour="C0" if n < kept else None)
        if n > 0 and not level:
            _step(ax, n, height[n - 1], height[n])
    for start, end in ends:
        if deep:
            tip = {"arrowstyle": "->", "color": "C1", "linewidth": 2}
            ax.annotate(
                "", (end - 0.39, height[end]), (start + 0.39, height[start]), arrowprops=tip
            )
        else:
            _road(ax, start, end)
    for n, stage in enumerate(new, kept):
        _box(ax, n, -1, stage, arrow=n > kept, colour="C1")
    if new:
        bend = {"arrowstyle": "<-", "connectionstyle": "angle,angleA=180,angleB=90,rad=4"}
        ax.annotate("", (kept - 1, -0.34), (kept - 0.41, -1), arrowprops=bend)
    if cut is not None:
        ax.axvline(kept - 0.5, 0.5 if new else 0, 1, color="black", linestyle=":", linewidth=1.2)
        ax.text(kept - 0.5, 0.42, "✂", rotation=-90, ha="center", va="center", fontsize=17)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(0.5 - rows, top))
    ax.axis("off")
    figure.alt = f"Boxes in a {'U' if deep else 'row'}: {', '.join(names)}."
    if cut is not None:
        figure.alt += f" Scissors cut behind {cut}; what follows is pale."
    if new:
        heads = ", ".join(stage.partition("\n")[0] for stage in new)
        figure.alt += f" Below it, instead: {heads}."
    for start, end in roads:
        figure.alt += f" A road leads from {start} to {end}, past what lies between."
    plt.close(figure)
    return figure


def encoder_decoder(source: str, token: str) -> Figure:
    """A drawing of a transformer that reads one text and writes another, as two rows of boxes.

    The upper row is the encoder, the lower one the decoder, in the words of lesson 13; orange are the
    way from the one to the other, and that of a written token back to the decoder's beginning.

    Args:
        source: what a token of the text that is read is called, such as "sound".
        token: what a token of the text that is written is called, such as "letter".
    """
    import matplotlib.pyplot as plt

    reads = [f"source\n{source}s", "read\nat the source", "think", "memory\na vector each"]
    writes = [f"target\n{token}s so far", "recall\nwhat is written", "look\nat the memory"]
    writes += ["think", f"logits\nnext {token}"]
    figure, ax = plt.subplots(figsize=(9.6, 3.2))
    for row, first, stages in ((1, -1, reads), (0, 0, writes)):
        for column, stage in enumerate(stages, first):
            _box(ax, column, row, stage, arrow=column > first, colour="C0")
    tip = {"arrowprops": {"arrowstyle": "->", "color": "C1", "linewidth": 2}}
    ax.annotate("", (2, 0.31), (2, 0.69), **tip)
    ax.plot([4, 4, 0], [-0.31, -0.6, -0.6], color="C1", linewidth=2)
    ax.annotate("", (0, -0.3), (0, -0.62), **tip)
    ax.text(2, -0.56, f"the likeliest {token} is put after the others", ha="center", va="bottom")
    ax.text(2.5, 1, "encoder", ha="left", va="center", style="italic")
    ax.text(-0.5, 0, "decoder", ha="right", va="center", style="italic")
    ax.set(xlim=(-1.45, 4.45), ylim=(-0.72, 1.35))
    ax.axis("off")
    encoder, decoder = (", ".join(row).replace("\n", " ") for row in (reads, writes))
    figure.alt = (
        f"Encoder: {encoder}. Decoder: {decoder}. The likeliest {token} goes back to the target."
    )
    plt.close(figure)
    return figure


def _road(ax, start, end):
    """An arrow of `pipeline` from one column's box to another's, above those between."""
    ax.plot([start, start, end], [0.31, 0.7, 0.7], color="C1", linewidth=2)
    tip = {"arrowstyle": "->", "color": "C1", "linewidth": 2}
    ax.annotate("", (end, 0.3), (end, 0.72), arrowprops=tip)


def _step(ax, column, before, row):
    """An arrow of `pipeline` from the stage before, which stands in another row: round one corner."""
    if row < before:  # down, and then to the right
        start, end, angles = (
            (column - 1, before - 0.31),
            (column - 0.4, row),
            "angleA=-90,angleB=180",
        )
    else:
        start, end, angles = (column - 0.6, before), (column, row - 0.32), "angleA=0,angleB=90"
    bend = {"arrowstyle": "->", "connectionstyle": f"angle,{angles},rad=4"}
    ax.annotate("", end, start, arrowprops=bend)


def _box(ax, column, row, text, arrow, colour):
    """A stage of `pipeline`, with an arrow from the one before; pale if it has no colour."""
    from matplotlib.patches import FancyBboxPatch

    pale = colour is None
    edge = "#BBBBBB" if pale else colour
    if arrow:
        ax.annotate(
            "",
            (column - 0.4, row),
            (column - 0.6, row),
            arrowprops={"arrowstyle": "->", "color": "#BBBBBB" if pale else "black"},
        )
    ax.add_patch(
        FancyBboxPatch(
            (column - 0.36, row - 0.28),
            0.72,
            0.56,
            boxstyle="round,pad=0.03",
            facecolor="white",
            edgecolor=edge,
            linewidth=1.5,
        )
    )
    name, _, rest = text.partition("\n")
    ink = "#999999" if pale else "black"
    ax.text(
        column, row + (0.1 if rest else 0), name, ha="center", va="center", fontsize=11, color=ink
    )
    ax.text(column, row - 0.13, rest, ha="center", va="center", fontsize=8.5, color=ink)


def coloured_text(
    text: str,
    values: Sequence[float] | np.ndarray,
    limits: tuple[float, float],
    cmap: str = "Oranges",
) -> HTML:
    """A text, each of its characters on a ground whose colour is a number, for a notebook to show.

    Args:
        text: may have several lines, which stay as they are.
        values: a number for each character, in the order of the text.
        limits: the numbers that get the first and the last colour; those beyond get the same.
        cmap: name of one of Matplotlib's colour maps.

    Raises:
        ValueError: not as many numbers as characters.
    """
    import matplotlib
    from IPython.display import HTML
    from matplotlib.colors import to_hex

    if len(text) != len(values):
        raise ValueError(
            f"The text has {len(text)} characters, but there are {len(values)} numbers."
        )
    low, high = limits
    shares = np.clip((np.asarray(values, float) - low) / (high - low), 0, 1)
    # Only the paler half of the colours: the letters on them are black.
    grounds = [to_hex(colour) for colour in matplotlib.colormaps[cmap](0.55 * shares)]
    spans = [
        f'<span style="background:{ground}">{html.escape(letter)}</span>'
        for letter, ground in zip(text, grounds, strict=True)
    ]
    style = (
        "color:black;background:white;padding:8px;line-height:1.5;font-family:monospace;"
        "white-space:pre-wrap;word-break:normal"  # lines may break between words alone
    )
    return HTML(f'<pre style="{style}">{"".join(spans)}</pre>')


def stamping(picture: np.ndarray, stamp: np.ndarray, row: int = 0, column: int = 0) -> Figure:
    """A drawing of a convolution on its way over a small picture: numbers, stamp and answers.

    The window that the stamp covers is framed, and so is its answer; the answers of places that
    come later, row by row, are still blank.

    Args:
        picture: `(height, width)`, small whole numbers; a dozen a side at most can be read.
        stamp: `(rows, columns)`, no larger than the picture.
        row, column: where the stamp's upper left corner is.

    Raises:
        ValueError: the stamp does not lie on the picture there.
    """
    import matplotlib.pyplot as plt

    picture, stamp = np.asarray(picture), np.asarray(stamp)
    windows = np.lib.stride_tricks.sliding_window_view(picture, stamp.shape)
    answers = (windows * stamp).sum((2, 3))
    if not (0 <= row < answers.shape[0] and 0 <= column < answers.shape[1]):
        raise ValueError(
            f"The stamp has {answers.shape[0]} x {answers.shape[1]} places, counted from 0: row "
            f"{row}, column {column} is none of them."
        )
    known = np.arange(answers.size).reshape(answers.shape) <= row * answers.shape[1] + column
    grids = {"picture": picture, "stamp": stamp, "answer": np.where(known, answers, np.nan)}
    widths = [grid.shape[1] for grid in grids.values()]
    figure, axes = plt.subplots(
        1,
        3,
        figsize=(0.42 * sum(widths) + 1.6, 0.42 * picture.shape[0] + 0.5),
        width_ratios=widths,
        layout="constrained",
    )
    figure.get_layout_engine().set(wspace=0.1)
    for ax, (title, grid) in zip(axes, grids.items(), strict=True):
        _numbers(ax, grid, title)
    _frame(axes[0], row, column, stamp.shape)
    _frame(axes[2], row, column, (1, 1))
    window = picture[row : row + stamp.shape[0], column : column + stamp.shape[1]]
    terms = [f"{a:g} × {b:g}" for a, b in zip(window.flat, stamp.flat, strict=True) if a and b]
    sum_, total = _signed(" + ".join(terms) or "0"), _signed(f"{answers[row, column]:g}")
    figure.suptitle(f"{sum_} = {total}", fontsize=11)
    figure.alt = (
        f"Three grids of numbers. The stamp lies at row {row}, column {column} of the picture; "
        f"number times number, added up, makes {total}, which stands there in the answer."
    )
    plt.close(figure)
    return figure


def _numbers(ax, grid, title):
    """A grid of numbers on a ground as dark as they are large: red, or blue below 0; blank where NaN."""
    numbers = np.nan_to_num(grid)
    most = 2 * max(np.abs(numbers).max(), 1)  # pale: the text is black
    ax.imshow(numbers, cmap="RdBu_r", vmin=-most, vmax=most)
    for (row, column), number in np.ndenumerate(grid):
        if not np.isnan(number):
            ax.text(column, row, _signed(f"{number:g}"), ha="center", va="center", fontsize=11)
    ax.set_xticks(np.arange(grid.shape[1] + 1) - 0.5, [])
    ax.set_yticks(np.arange(grid.shape[0] + 1) - 0.5, [])
    ax.grid(True, color="#BBBBBB", alpha=1)
    ax.tick_params(length=0)
    ax.set_title(title)
    ax.spines[:].set_visible(False)


def _signed(text):
    """Numbers with a minus sign that is as long as a plus."""
    return text.replace("-", "−")


def _frame(ax, row, column, shape):
    """A frame round `shape` cells of a grid of numbers, from this row and column on."""
    from matplotlib.patches import Rectangle

    corner = (column - 0.5, row - 0.5)
    ax.add_patch(
        Rectangle(corner, shape[1], shape[0], fill=False, edgecolor="C1", linewidth=3, zorder=3)
    )


def show_attention(
    weights: np.ndarray,
    rows: Sequence[object],
    columns: Sequence[object],
    title: str | None = None,
) -> Figure:
    """A figure of attention weights, the darker the larger; `alt` names each row's darkest column.

    Columns with long texts, such as sentences, stand as lines of text below one another if there are
    fewer rows; the rows then stand side by side.

    Args:
        weights: `(rows, columns)`, or `(heads, rows, columns)` for a picture of each head; numbers from
            0 to 1. White is 0, and the darkest blue the largest of them.
        rows: what looks, a text (or what `str` makes one of) for each row.
        columns: what is looked at.
        title: stands above, and begins `alt`; default: "Attention".

    Raises:
        ValueError: another number of texts than weights, or numbers that are no weights.
    """
    import matplotlib.pyplot as plt

    weights = np.asarray(weights)
    rows, columns = [str(text) for text in rows], [str(text) for text in columns]
    if weights.ndim not in (2, 3) or weights.shape[-2:] != (len(rows), len(columns)):
        raise ValueError(
            f"{len(rows)} rows and {len(columns)} columns need weights of the shape ({len(rows)}, "
            f"{len(columns)}), or (heads, {len(rows)}, {len(columns)}), not {weights.shape}."
        )
    if not weights.size:
        raise ValueError("There are no weights to show.")
    if not (weights >= 0).all() or weights.max() > 1.001:
        raise ValueError(
            f"Weights lie between 0 and 1, these between {weights.min():.3g} and {weights.max():.3g}: "
            "a softmax makes weights of scores."
        )
    heads = weights.reshape(-1, *weights.shape[-2:])
    looks = [_looks(head, rows, columns) for head in heads]
    if len(rows) < len(columns) and max(map(len, columns)) > 12:
        rows, columns, heads = columns, rows, heads.swapaxes(1, 2)
    longest = max(map(len, columns))
    # In inches: a cell is as high as a line of text; texts above are turned where a cell is too narrow.
    cell, letter = 0.26, 0.085
    turned = longest * letter > cell
    beside = letter * max(map(len, rows)) + 0.2
    above = (letter * longest if turned else 0.2) + 0.4 * (len(heads) > 1)
    width = cell * len(columns) + 0.15
    across = max(1, min(len(heads), int((PAGE - beside - 1) / width)))
    down = -(-len(heads) // across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(
            beside + width * across + 1,
            (above + cell * max(len(rows), 3)) * down + 0.4 * bool(title),
        ),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    most = heads.max() or 1
    for ax in axes.flat[len(heads) :]:
        ax.axis("off")
    for n, (ax, head) in enumerate(zip(axes.flat, heads, strict=False), 1):
        shown = ax.imshow(head, cmap="Blues", vmin=0, vmax=most)
        ax.set_xticks(range(len(columns)), columns, rotation=90 * turned, parse_math=False)
        ax.set_yticks(range(len(rows)), rows, parse_math=False)
        ax.tick_params(length=0, labelsize=10, labeltop=True, labelbottom=False)
        ax.grid(False)
        if len(heads) > 1:
            ax.set_title(f"head {n}", fontsize=10)
            looks[n - 1] = f"Head {n}: {looks[n - 1]}"
    bar = figure.colorbar(shown, ax=axes, ticks=[0, most], format="%.2g", pad=0.02, aspect=30)
    bar.set_label("weight", labelpad=-8)
    figure.suptitle(title, fontsize=12)
    figure.alt = f"{title or 'Attention'}. Where each looks most: {' '.join(looks)}"
    plt.close(figure)
    return figure


def _looks(head, rows, columns):
    """The darkest column of each row of weights, in words."""
    looks = []
    for row, weights in zip(rows, head, strict=True):
        most = weights.argmax()
        where = f"{columns[most]} ({weights[most]:.2f})" if weights[most] else "nowhere"
        looks.append(f"{row}: {where}")
    return ", ".join(looks) + "."


def table(
    head: Sequence[object], rows: Iterable[Sequence[object]], others: str | None = None
) -> Markdown:
    """A Markdown table, for a notebook to show.

    Args:
        head: one title a column.
        rows: the cells of each row, which may contain Markdown.
        others: how all columns but the first, which stands left, stand: `"---:"` right, `":---"` left.
            Default: right if all cells are numbers, or begin with one as "7 s" does, or are empty.

    Raises:
        ValueError: a row has not as many cells as the head.
    """
    from IPython.display import Markdown

    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"Each row needs {len(head)} cells, as the head has.")
    sides = [others or _side(row[n] for row in rows[1:]) for n in range(1, len(head))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, f"|{'|'.join([':---', *sides])}|")
    return Markdown("\n".join(lines))


def _side(cells):
    """How a column of a table stands: numbers right, so that their digits stand in line, and text left."""
    return "---:" if all(NUMBER.match(cell.strip()) for cell in cells) else ":---"


def alt_text(figure: Figure) -> str:
    """The figure's alternative text, `figure.alt`, stripped; `""` where none was set."""
    return str(getattr(figure, "alt", "")).strip()


def to_html(figure: Figure) -> str:
    """A Matplotlib figure as one HTML `<img>` element with its picture inside.

    Args:
        figure: `matplotlib.figure.Figure`; its attribute `alt` becomes the alternative text.

    Returns:
        str, self-contained HTML; the width is in CSS pixels.
    """
    draft = io.BytesIO()  # drawn once, in little time: a learner who moves a control waits for it
    figure.savefig(draft, format="png", dpi=SAVED_DPI, pil_kwargs={"compress_level": 1})
    size = draft.tell()
    webp = _encoded(draft, "webp", quality=88) if size > LARGE else None
    if webp and len(webp) < size:
        kind, picture = "webp", webp
    else:
        kind, picture = "png", _encoded(draft, "png")
    width = round(figure.get_figwidth() * SHOWN_DPI)
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<img alt="{html.escape(alt_text(figure))}" width="{width}" '
        f'src="data:image/{kind};base64,{data}">'
    )


def _encoded(draft, kind, **options):
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(draft).save(buffer, kind, **options)
    return buffer.getvalue()


def _shell():
    """The notebook's IPython shell; None in a script or in a terminal."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    return shell if hasattr(shell, "kernel") else None
