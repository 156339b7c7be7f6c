"""Gradient descent on the mean squared error of a line, drawn: the loss is a bowl, the weights go down in it.

    line_and_bowl(x, y, visited)     # one weight: y = w * x
    path_in_bowl(x, y, path, reach=(140, 160), unit="minutes")     # two: y = w * x + b, from above

The figures have an `alt` text, as those of `utils.figures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # imported where it is used: a lesson may choose Matplotlib's backend first
    from matplotlib.figure import Figure

__all__ = ["line_and_bowl", "path_in_bowl"]

FAR = 1e4  # a path that has left the picture is not drawn beyond it


def line_and_bowl(
    x: np.ndarray, y: np.ndarray, visited: np.ndarray, names: tuple[str, str] = ("x", "y")
) -> Figure:
    """Draw the steps of one weight: left the line `y = w * x` after each, right the loss over w.

    Args:
        x, y: `(n,)`, positive numbers, the points that the line is to meet.
        visited: the weights in their order, the first one included.
        names: what x and y are, for the axes.

    Returns:
        A figure whose axes do not depend on `visited`, so that runs can be compared.
    """
    import matplotlib.pyplot as plt

    def loss(weights):
        return ((np.multiply.outer(weights, x) - y) ** 2).mean(-1)

    steps, best = len(visited) - 1, (x * y).mean() / (x**2).mean()
    weights = np.linspace(-0.3 * best, 2.3 * best, 101)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.5))
    left.scatter(x, y, s=8, color="C6")
    end = 1.07 * x.max()
    for number, weight in enumerate(visited):
        left.plot([0, end], [0, end * weight], color="C1", alpha=(number + 1) / (steps + 1))
    left.set(xlabel=names[0], ylabel=names[1], xlim=(0, end), ylim=(-0.1 * y.max(), 1.25 * y.max()))
    right.plot(weights, loss(weights), color="C6")
    right.plot(visited, loss(visited), "o-", color="C1", linewidth=1)
    right.set(xlabel="weight", ylabel="loss", xlim=weights[[0, -1]], ylim=(0, loss(weights).max()))
    first, last = (f"{w:.1f}" if abs(w) < FAR else f"{w:.1e}" for w in (visited[0], visited[-1]))
    right.set_title(f"weight {last} after {steps} steps")
    figure.alt = (
        f"Left, {len(x)} points and the line after each step. Right, the loss, a bowl with its "
        f"bottom at {best:.1f}: the weight goes from {first} to {last} in {steps} steps."
    )
    plt.close(figure)  # the notebook shows what is returned, once
    return figure


def path_in_bowl(
    x: np.ndarray, y: np.ndarray, path: np.ndarray, reach: tuple[float, float], unit: str
) -> Figure:
    """Draw the steps of two weights, of `y = w * x + b`, over rings of equal loss.

    Args:
        x, y: `(n,)`, the points that the line is to meet. If x is standardised, the rings are
            round, and both axes have one scale, so that they look round.
        path: `(2, steps + 1)`, the pairs (w, b) in their order, the first one included.
        reach: how far the picture goes from the best w, and from the best b.
        unit: of y, such as `"minutes"`.

    Returns:
        A figure that says how far the last line is from the best one: the root of the mean square.
    """
    import matplotlib.pyplot as plt

    path = np.clip(path, -FAR, FAR)
    best, last, steps = np.polyfit(x, y, 1), path[:, -1], path.shape[1] - 1
    ws, bs = np.meshgrid(*(np.linspace(-r, r, 80) + at for r, at in zip(reach, best, strict=True)))
    losses = ((ws[..., None] * x + bs[..., None] - y) ** 2).mean(-1)
    figure, ax = plt.subplots(figsize=(6.2, 3.9))
    ax.contour(ws, bs, np.log(losses), levels=12, cmap="Greys_r", linewidths=1)
    ax.plot(*path, "o-", color="C1", markersize=3, linewidth=1)
    ax.plot(*best, "x", color="C0", markersize=12, markeredgewidth=3, zorder=5)
    ax.axis([ws.min(), ws.max(), bs.min(), bs.max()])
    if np.allclose([x.mean(), x.std()], [0, 1], atol=1e-3):
        ax.set_aspect("equal")
    ax.set(xlabel="weight w", ylabel="bias b")
    away = np.sqrt((np.polyval(last - best, x) ** 2).mean())
    told = f"{away:.1f} {unit}" if abs(last).max() < FAR else "far away"
    ax.set_title(f"after {steps} steps {told} from the best line")
    figure.alt = (
        f"Rings of equal loss around the best weights, w {best[0]:.1f} and b {best[1]:.1f}. "
        f"After {steps} steps the path is {told} from the best line."
    )
    plt.close(figure)
    return figure
