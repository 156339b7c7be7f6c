"""One widget, `explore`: move a control and the figure is drawn anew.

The figure is an ordinary output beside the controls, not part of the widget, so a saved notebook
still shows it, with its alternative text, where no kernel runs (a web page, GitHub, print).
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from utils import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["explore"]


def explore(draw: Callable[..., Figure], **controls: object) -> None:
    """Show `draw(...)` with a control for each named argument, and redraw when one is moved.

    Args:
        draw: function of keyword arguments that returns a `matplotlib.figure.Figure` with an
            `alt` text. It should draw the same picture for the same arguments: freeze the data.
        **controls: for each argument either a pair `(low, high)` or triple `(low, high, step)`
            for a slider (whole numbers give a whole-number slider), a list of choices for a menu,
            or any ipywidgets control. A slider or menu starts at the argument's default in
            `draw`, or else in the middle or at the first choice.

    Returns:
        Nothing. All controls are reached with Tab and moved with the arrow keys.

    Raises:
        TypeError: `draw` returns something else than a figure, or a control is none of these.
    """
    import ipywidgets
    from IPython.display import display

    starts = {
        name: parameter.default
        for name, parameter in inspect.signature(draw).parameters.items()
        if parameter.default is not parameter.empty
    }
    made = {name: _control(name, what, starts.get(name)) for name, what in controls.items()}
    box = ipywidgets.VBox(list(made.values()))

    def picture():
        return _bundle(draw(**{name: control.value for name, control in made.items()}), made)

    first = picture()  # before anything is shown: an error here is an ordinary one
    display(box)
    handle = display(first, raw=True, display_id=True)

    def redraw(change):
        try:
            handle.update(picture(), raw=True)
        except Exception:  # an observer's error would otherwise only reach the server's log
            handle.update({"text/plain": traceback.format_exc()}, raw=True)

    for control in made.values():
        control.observe(redraw, names="value")


def _bundle(figure, made):
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise TypeError(f"explore() needs a function that returns a Figure, not {figure!r}.")
    names = ", ".join(control.description for control in made.values())
    page = figures.to_html(figure, note=f"Run this cell to change: {names}.")
    _close(figure)
    return {"text/html": page, "text/plain": figures.alt_text(figure)}


def _close(figure):
    """Take a figure off pyplot's list, or the notebook would show it once more below the cell."""
    import matplotlib.pyplot as plt

    plt.close(figure)


def _control(name, what, start):
    import ipywidgets

    looks = {
        "description": name.replace("_", " "),
        "style": {"description_width": "9em"},
        "layout": ipywidgets.Layout(width="32em", max_width="95%"),
    }
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
