"""Tries one specification after another on both engines, and keeps what differs."""

import json
import time
from collections import Counter

from tests.fuzz import compare, limits, models
from tests.fuzz.shrink import shrink
from tests.fuzz.worker import STAGES, Worker


class Fuzzer:
    """A pair of workers.

    Args:
        mode: Mode of our engine.
        first: Module that our worker imports before anything is run.
        say: Function of a text that reports a fault.

    Attributes:
        faults: {signature: [how often, smallest specification, what differs]}.
    """

    def __init__(self, mode="vm", first=None, say=None):
        self._mode = mode
        self._ours = Worker("theano", mode, first)
        self._theirs = Worker("tensorflow")
        self._say = say or (lambda text: None)
        self._started = time.monotonic()
        self.tried, self.faults, self.outcomes = 0, {}, Counter()
        self.layers = Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ours.stop()
        self._theirs.stop()

    def model(self, seed):
        """Return the specification of a seed's model."""
        return self._theirs.generate(seed)

    def try_seed(self, seed):
        """Make the model of a seed, and report how the engines differ on it.

        Returns:
            None, or the smallest specification that shows it, and what differs.
        """
        spec = self.model(seed)
        self.tried += 1
        if "nodes" not in spec:  # the reference's process was lost
            self.outcomes["reference lost"] += 1
            return None
        self.layers.update(models.classes(spec["nodes"]))
        found = self.difference(spec)
        if found is None:
            return None
        return self._report(spec, found)

    def difference(self, spec, count=True, until="train"):
        """Return what `compare.fault` finds up to a stage, limits and rounding errors apart."""
        self._ours.start(spec, 0.0, until)
        theirs = self._theirs.run(spec, 0.0, until)
        ours = self._ours.answer()
        found = compare.fault(spec, ours, theirs)

        def again(nudge):
            return self._theirs.run(spec, nudge, until)

        def in_64_bits():
            return self._theirs.run({**spec, "dtype": "float64"}, 0.0, until)

        outcome = "agreed"
        if found is None and theirs["error"]:
            outcome = "refused by both"
        elif found and (limit := limits.explained(spec, found)):
            outcome, found = f"limit: {limit.reason}", None
        elif found and compare.fragile(spec, found, again, ours, theirs):
            outcome, found = "rounding", None
        elif found and compare.exact(spec, found, in_64_bits, ours):
            outcome, found = "TensorFlow's rounding", None
        elif found:
            outcome = "fault"
        if count:
            self.outcomes[outcome] += 1
        return found

    def smallest(self, spec, found, seconds=60):
        """Return the smallest specification that fails in the same way."""
        stage = found[1].split(" ")[0]
        until = stage if stage in STAGES else "train"

        def fails(simpler):
            other = self.difference(simpler, count=False, until=until)
            return other is not None and other[:2] == found[:2]

        def shapes(spec):
            return self._theirs.run(spec, until="build")["shapes"]

        return shrink(spec, fails, seconds, shapes)

    def _report(self, spec, found):
        small = self.smallest(spec, found)
        found = self.difference(small, count=False) or found
        signature = (found[0], *sorted(models.classes(small["nodes"])), found[1])
        times = self.faults.get(signature, (0,))[0]
        self.faults[signature] = (times + 1, small, found)
        if not times:
            self._say(
                f"\n=== {' '.join(signature)} (seed {spec['seed']}, mode {self._mode})\n"
                f"{found[2][:1500]}\n--- {json.dumps(small)}\n{models.program(small)}\n"
            )
        return small, found

    def summary(self):
        """Return a line: models tried, and what came of them."""
        minutes = (time.monotonic() - self._started) / 60
        kinds = Counter()
        for (kind, *_), (times, *_) in self.faults.items():
            kinds[kind] += times
        said = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        faults = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
        return (
            f"{self.tried} models in {minutes:.1f} minutes: {said}. "
            f"{len(self.faults)} different faults: {faults}."
        )
