"""From measurements to Markdown."""

from collections.abc import Iterable, Mapping
from statistics import median

#: (engine, net) -> one dict of figures for each round.
Rounds = Mapping[tuple[str, str], list[dict[str, float]]]


def medians(rounds: Rounds) -> dict[tuple[str, str], dict[str, float]]:
    """The median over the rounds of each figure of each engine and net."""
    return {
        key: {
            figure: median(one[figure] for one in measured)
            for figure in measured[0]
            if all(one[figure] is not None for one in measured)
        }
        for key, measured in rounds.items()
    }


def spread(measured: list[dict[str, float]], figure: str) -> float:
    """The largest over the smallest of a figure's values in the rounds."""
    values = [one[figure] for one in measured]
    return max(values) / min(values)


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; its first column is text, the others are figures."""
    header = list(header)
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def comparison(rounds: Rounds, nets: Iterable[str], engines: Mapping[str, str], ours: str) -> str:
    """One table of nets by engines.

    Args:
        rounds: The measurements.
        nets: Names of nets, in the order of the rows.
        engines: Name -> title of each engine, in the order of the rows of one net.
        ours: The engine that the ratios are taken of.

    Returns:
        Markdown. A ratio is this engine's median over the other's: below 1, ours is faster.
    """
    middle = medians(rounds)
    rows = []
    for net in nets:
        mine = middle.get((ours, net))
        for engine, title in engines.items():
            other = middle.get((engine, net))
            if other is None:
                continue
            row = [net, title, _milliseconds(other["step"]), _ratio(mine, other, "step")]
            row += [_seconds(other["first_epoch"]), _ratio(mine, other, "first_epoch")]
            row += [_seconds(other["compile"]), _megabytes(other.get("memory"))]
            row += [f"{other['busy'] / other['step']:.2f}" if "busy" in other else ""]
            row += [f"{spread(rounds[engine, net], 'step'):.2f}"]
            rows.append(row)
    header = ["net", "engine", "step, ms", "ours/its", "cold start, s", "ours/its"]
    return markdown([*header, "compile, s", "peak MB", "busy", "spread"], rows)


def _ratio(mine, other, figure):
    return "" if mine is None or mine is other else f"{mine[figure] / other[figure]:.2f}"


def _milliseconds(seconds):
    return f"{1000 * seconds:.2f}" if seconds < 0.01 else f"{1000 * seconds:.1f}"


def _seconds(seconds):
    return f"{seconds:.1f}"


def _megabytes(size):
    return "" if size is None else f"{size / 1e6:.0f}"


def scaling(rounds: Rounds, depths: Iterable[str], batches: Mapping[str, list[int]], ours: str):
    """Two tables of this engine alone: compile time by depth, cost of a step by batch size.

    Args:
        rounds: The measurements; a batch size other than the net's own is measured as `net@size`.
        depths: Names of the nets that differ in depth.
        batches: Net -> batch sizes.
        ours: This engine's name.
    """
    middle = medians(rounds)
    rows = [
        [name.split("-")[1], _seconds(found["compile"]), _seconds(found["first_epoch"])]
        for name in depths
        if (found := middle.get((ours, name)))
    ]
    by_depth = markdown(["residual blocks", "compile, s", "cold start, s"], rows)
    rows = []
    for net, sizes in batches.items():
        for size in sizes:
            if found := middle.get((ours, f"{net}@{size}")):
                step = found["step"]
                rows.append([net, str(size), _milliseconds(step), f"{1e6 * step / size:.1f}"])
    by_batch = markdown(["net", "batch", "step, ms", "a sample, µs"], rows)
    return by_depth, by_batch
