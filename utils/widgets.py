"""One widget, `explore`: move a control and the figure is drawn anew.

The figure is an ordinary output beside the controls, not part of the widget, so a saved notebook
still shows it, with its alternative text, where no kernel runs (a web page, GitHub, print). There
the words "Run this cell to change: ..." stand below it.
"""

from __future__ import annotations

import gc
import html
import inspect
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from utils import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["explore", "slowest"]

# The words below a picture are always in the output, so that every page without a kernel shows them.
# The first rule hides them while the controls above them are there and connected. (Colab, where no such
# output areas are, has a page for each cell.) JupyterLab marks the controls of a kernel that was
# restarted, but not of one that was shut down, and the second and third rules put the words in place of
# both. The fourth hides what it says where it has no controls any more, an error message: an element
# with nothing in it but text. The last makes a picture pale when the next one is not there at once.
RULES = """<style>
:is(.jp-OutputArea, body:not(:has(.jp-OutputArea))):has(.explore:not(.jupyter-widgets-disconnected))
  .run-to-change { display: none }
.jp-NotebookPanel:has(.jp-Notebook-ExecutionIndicator[data-status="unknown"])
  .run-to-change { display: block !important }
.explore.jupyter-widgets-disconnected,
.jp-NotebookPanel:has(.jp-Notebook-ExecutionIndicator[data-status="unknown"])
  .explore { display: none }
.jp-OutputArea:has(.run-to-change) .jupyter-widgets:not(:has(*)) { display: none }
.jp-OutputArea:has(.explore-drawing) img { opacity: 0.4; transition: opacity 0s 0.4s }
</style>"""

_explored: list[tuple[Callable[..., Figure], dict]] = []


def explore(
    draw: Callable[..., Figure], labels: Mapping[str, str] | None = None, **controls: object
) -> None:
    """Show `draw(...)` with a control for each named argument, and redraw when one is moved.

    Args:
        draw: function of keyword arguments that returns a `matplotlib.figure.Figure` with an
            `alt` text. It should draw the same picture for the same arguments: freeze the data.
        labels: what to call controls whose argument's name does not say it in words, such as
            `{"each": "photographs of each class"}`. The others are called as their argument.
        **controls: for each argument either a pair `(low, high)` or triple `(low, high, step)`
            for a slider (whole numbers give a whole-number slider), a list of choices for a menu,
            or any ipywidgets control. A slider or menu starts at the argument's default in
            `draw`, or else in the middle or at the first choice.

    Returns:
        Nothing. All controls are reached with Tab and moved with the arrow keys.

    Raises:
        TypeError: `draw` returns something else than a figure, or a control is none of these.
        ValueError: a label for a control that is not there.
    """
    import ipywidgets
    from IPython.display import display

    starts = {
        name: parameter.default
        for name, parameter in inspect.signature(draw).parameters.items()
        if parameter.default is not parameter.empty
    }
    labels = {name: name.replace("_", " ") for name in controls} | dict(labels or {})
    if labels.keys() != controls.keys():
        unknown = ", ".join(sorted(labels.keys() - controls.keys()))
        raise ValueError(f"A label for {unknown}, but the controls are {', '.join(controls)}.")
    widest = max(map(_digits, labels.values()), default=0)
    looks = {
        "style": {"description_width": f"{widest:g}ch"},
        "layout": ipywidgets.Layout(width="32em", max_width="95%"),
    }
    made = {
        name: _control(name, what, starts.get(name), description=labels[name], **looks)
        for name, what in controls.items()
    }
    box = ipywidgets.VBox(list(made.values()))
    box.add_class("explore")

    def picture():
        return _bundle(draw(**{name: control.value for name, control in made.items()}), made)

    first = picture()  # before anything is shown: an error here is an ordinary one
    display(box)
    handle = display(first, raw=True, display_id=True)

    def redraw(change):
        box.add_class("explore-drawing")
        try:
            handle.update(picture(), raw=True)
        except Exception:  # an observer's error would otherwise only reach the server's log
            handle.update({"text/plain": traceback.format_exc()}, raw=True)
        finally:
            box.remove_class("explore-drawing")

    for control in made.values():
        control.observe(redraw, names="value")
    _explored.append((draw, made))


def slowest() -> tuple[float, str]:
    """How long a learner waits at most for a picture of this session's `explore`: for the tests.

    Draws the pictures, without showing them, that come when one control is moved to one of its ends,
    or through all of its menu. (Where there are more than three controls, to the ends of menus too.)

    Returns:
        Seconds by the clock or of the processors' time, whichever is less (a busy machine lengthens
        the one, several threads the other), and the call; `(0.0, "")` where there was no `explore`.
        Python's cleaning up of what the whole session has left is not the picture's, and waits.
    """
    took = [(0.0, "")]
    for draw, made in _explored:
        now = {name: control.value for name, control in made.items()}
        for name, control in made.items():
            gc.collect()
            gc.disable()
            try:
                for value in _values(control, all_of_menu=len(made) <= 3):
                    clock, cpu = time.perf_counter(), time.process_time()
                    _bundle(draw(**{**now, name: value}), made)
                    seconds = min(time.perf_counter() - clock, time.process_time() - cpu)
                    took.append((seconds, f"{draw.__name__}({name}={value!r})"))
            finally:
                gc.enable()
    return max(took)


def _values(control, all_of_menu):
    """The values of a control that `slowest` tries."""
    if hasattr(control, "options"):
        return control.options if all_of_menu else [control.options[0], control.options[-1]]
    return [control.min, control.max] if hasattr(control, "max") else [control.value]


def _bundle(figure, made):
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise TypeError(f"explore() needs a function that returns a Figure, not {figure!r}.")
    names = ", ".join(control.description for control in made.values())
    page = figures.to_html(figure) + RULES
    page += f'<p class="run-to-change"><small>Run this cell to change: {html.escape(names)}.</small></p>'
    _close(figure)
    return {"text/html": page, "text/plain": figures.alt_text(figure)}


def _close(figure):
    """Take a figure off pyplot's list, or the notebook would show it once more below the cell."""
    import matplotlib.pyplot as plt

    plt.close(figure)


def _digits(label):
    """How many digits, CSS's unit `ch`, are at least as wide as a label; m and w are wider than one."""
    return len(label) + 1 + sum(map(label.count, "mwMW")) / 2


def _control(name, what, start, **looks):
    import ipywidgets

    if isinstance(what, ipywidgets.DOMWidget):
        what.description = what.description or looks["description"]
        return what
    if isinstance(what, list):
        return ipywidgets.Dropdown(options=what, value=what[0] if start is None else start, **looks)
    if isinstance(what, tuple) and len(what) in (2, 3):
        whole = all(isinstance(end, int) for end in what)
        low, high = what[:2]
        step = what[2] if len(what) == 3 else (1 if whole else (high - low) / 50)
        middle = low + (high - low) / 2
        slider = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
        # One redraw when the handle is let go or an arrow key pressed, not one for each pixel.
        return slider(
            value=(int(middle) if whole else middle) if start is None else start,
            min=low,
            max=high,
            step=step,
            continuous_update=False,
            **({} if whole else {"readout_format": ".3g"}),
            **looks,
        )
    raise TypeError(
        f"Control {name!r}: give (low, high), (low, high, step), a list of choices or an "
        f"ipywidgets control, not {what!r}."
    )
