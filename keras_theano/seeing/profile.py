"""What the time of a step goes to."""

import textwrap
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Where the time of a step goes.

    Attributes:
        nodes: Pairs (`Node`, its milliseconds in one step), in the order in which they run.
        milliseconds: Of a whole step, with what lies between the operations.
    """

    nodes: list
    milliseconds: float

    def by(self, what):
        """Sum up the milliseconds of a step.

        Args:
            what: "operation", "layer" or "part" (forward, gradient, update).

        Returns:
            A list of (name, milliseconds, number of operations), the slowest first.
        """
        attribute = {"operation": "name", "layer": "row", "part": "part"}.get(what)
        if attribute is None:
            raise ValueError(f"by('operation'), by('layer') or by('part'), but not {what!r}.")
        sums, counts = Counter(), Counter()
        for node, taken in self.nodes:
            sums[getattr(node, attribute)] += taken
            counts[getattr(node, attribute)] += 1
        return [(name, taken, counts[name]) for name, taken in sums.most_common()]

    def __str__(self):
        between = self.milliseconds - sum(taken for _, taken in self.nodes)
        lines = [f"One step: {self.milliseconds:.2f} ms, {between:.2f} ms of it between operations"]
        for what in ("part", "layer", "operation"):
            lines += ["", f"{'ms':>9} {'share':>6} {'count':>6}  {what}"]
            for name, taken, count in self.by(what)[:10]:
                share = taken / self.milliseconds
                name = textwrap.shorten(name, 60, placeholder=" ...")
                lines.append(f"{taken:9.3f} {share:6.1%} {count:6d}  {name}")
        return "\n".join(lines)
