"""The comparison as a picture, and the same in words."""

from pathlib import Path

import matplotlib

from benchmarks.tables import Rounds, medians

COLOURS = {
    "theano": "#0072b2",
    "theano-numpy": "#3d8fbf",
    "theano-jax": "#56b4e9",
    "theano-numba": "#7fa8c9",
    "theano-c": "#a9c3d6",
    "tensorflow": "#e69f00",
    "jax": "#009e73",
    "classic": "#999999",
}
PANELS = {"step": ("A training step", "ms", 1000), "first_epoch": ("Cold start", "s", 1)}


def draw(rounds: Rounds, nets: list[str], titles: dict[str, str], path: Path) -> None:
    """Draw bars of the medians, one panel for steps and one for cold starts, into a PNG file."""
    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    middle = medians(rounds)
    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(11, 5.5), layout="constrained")
    height = 0.8 / len(titles)
    for panel, (key, (title, unit, scale)) in zip(axes, PANELS.items(), strict=True):
        for place, (engine, label) in enumerate(titles.items()):
            shown = [(i, net) for i, net in enumerate(nets) if (engine, net) in middle]
            panel.barh(
                [i + (place - (len(titles) - 1) / 2) * height for i, _ in shown],
                [scale * middle[engine, net][key] for _, net in shown],
                height,
                label=label,
                color=COLOURS[engine],
            )
        panel.set(title=title, xlabel=f"{unit} (logarithmic; shorter is faster)", xscale="log")
        # Ticks at 1, 2, 5, 10, ... in plain numbers; by default, powers that overlap.
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_yticks(range(len(nets)), nets)
        panel.invert_yaxis()
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def describe(rounds: Rounds, nets: list[str], titles: dict[str, str]) -> str:
    """The picture's alternative text: what is drawn, and for each net the quickest step."""
    middle = medians(rounds)
    parts = []
    for net in nets:
        steps = {e: middle[e, net]["step"] for e in titles if (e, net) in middle}
        if steps:
            best = min(steps, key=steps.get)
            parts.append(f"{net}, {titles[best]} ({1000 * steps[best]:.1f} ms)")
    return (
        "Bar charts of step time and cold start, of which the table has the numbers. Quickest a step: "
        + "; ".join(parts)
        + "."
    )
