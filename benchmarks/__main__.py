"""Times training on the Theano engine and on others, and writes benchmarks/README.md and its plot.

Every measurement is a process of its own; the engines take turns, so that what else the machine
does falls on all of them alike. Medians over the rounds are shown.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path

from benchmarks import engines, plot, tables
from benchmarks.nets import DEPTHS, NETS

FOLDER = Path(__file__).resolve().parent
OURS = "theano"
BATCHES = {"mlp": [16, 64, 256], "cnn": [16, 64, 256], "lstm": [16, 64, 256]}
STEPS, EPOCHS = 32, 4
BUSY = 2.5
OTHERS = """## Other measurements

They print, and write nothing.

- `python -m benchmarks.profile NET` shows where a training step's time goes on this engine, by op and by node.
- `python -m benchmarks.toolkit` measures what `fit`, `descend` and `distributed` of utils/tf add to a step, in
  microseconds of the processor and as a share of two small steps of the course, and lets `minimise` race SciPy,
  on one thread of its linear algebra and as it comes. All take turns; medians are shown.
"""


def main(arguments=None):
    """Measure what the command line asks for; the full run also writes the files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, few steps, no scaling")
    parser.add_argument("--net", choices=NETS, action="append", help="only this one; repeatable")
    parser.add_argument("--engine", choices=engines.ENGINES, action="append", help="repeatable")
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="default: 5, or 1 with --quick; an engine may set fewer for itself",
    )
    parser.add_argument("--write", action="store_true", help="write the files of a partial run too")
    options = parser.parse_args(arguments)
    rounds = options.rounds or (1 if options.quick else 5)
    nets = list(dict.fromkeys(options.net or NETS))
    names = list(dict.fromkeys(options.engine or engines.ENGINES))
    found, missing = engines.available(names)
    for name, reason in missing.items():
        print(f"Left out, {name}: {reason}")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(f"The machine is busy (load {load:.1f}): read the ratios, not the times.")

    steps, epochs = (8, 3) if options.quick else (STEPS, EPOCHS)
    measured = defaultdict(list)
    cold = {}
    for engine in found:
        if engine.name == "classic":
            for net in nets:  # fills Theano's cache of compiled C code
                cold[net] = attempt(engine, net, NETS[net].batch, 1, 2)
    for turn in range(rounds):
        for net in nets:
            # Each engine is the first of a round as often as the others.
            for engine in found[turn % len(found) :] + found[: turn % len(found)]:
                if engine.rounds is not None and turn >= engine.rounds:
                    continue
                result = attempt(engine, net, NETS[net].batch, steps, epochs, busy=epochs - 1)
                keep(measured, engine.name, net, result)
    ours = next((engine for engine in found if engine.name == OURS), None)
    if ours and not options.quick:
        for _ in range(min(rounds, 3)):
            measure_scaling(ours, nets, measured)

    titles = {engine.name: engine.title for engine in found}
    comparison = tables.comparison(measured, nets, titles, OURS)
    by_depth, by_batch = tables.scaling(measured, DEPTHS, BATCHES, OURS)
    print(f"\n{comparison}\n{by_depth}\n{by_batch}")
    whole = not options.quick and not options.net and not options.engine
    if whole or options.write:
        plot.draw(measured, nets, titles, FOLDER / "speed.png")
        page = report(comparison, by_depth, by_batch, measured, nets, found, rounds, load, cold)
        (FOLDER / "README.md").write_text(page, encoding="utf-8")
        print("Written: benchmarks/README.md, benchmarks/speed.png")
    wanted = {(engine.name, net) for engine in found for net in nets}
    return 0 if wanted <= set(measured) else 1


def attempt(engine, net, batch, steps, epochs, busy=0):
    """Measure once; say so and return None if the process fails."""
    print(f"{engine.title}, {net}, batch {batch} ...", end=" ", flush=True)
    try:
        result = engine.measure(net, batch, steps, epochs, busy)
    except engines.Failed as failure:
        print(f"FAILED\n{failure}", flush=True)
        return None
    print(
        f"{1000 * result['step']:.2f} ms a step, first epoch {result['first_epoch']:.1f} s",
        flush=True,
    )
    return result


def keep(measured, engine, net, result):
    if result is not None:
        measured[engine, net].append(result)


def measure_scaling(ours, nets, measured):
    """Compile time against depth, and the cost of a step against the size of the batch."""
    for depth, net in DEPTHS.items():
        keep(measured, OURS, depth, attempt(ours, depth, net.batch, 1, 4))
    for net, sizes in BATCHES.items():
        for size in sizes if net in nets else []:
            steps = max(4, 1024 // size)
            keep(measured, OURS, f"{net}@{size}", attempt(ours, net, size, steps, 4))


def few(engines_found):
    """The engines with a limit of rounds, in words."""
    limited = [f"{e.title} ({e.rounds})" for e in engines_found if e.rounds is not None]
    return ", ".join(limited) or "none here"


def report(comparison, by_depth, by_batch, measured, nets, found, rounds, load, cold):
    """The text of README.md."""
    titles = {engine.name: engine.title for engine in found}
    what = tables.markdown(
        ["net", "what it is", "batch"], [[n, NETS[n].title, str(NETS[n].batch)] for n in nets]
    )
    first = [f"{net} {one['first_epoch']:.0f}" for net, one in cold.items() if one]
    cold_caches = (
        "\nThe times of Keras 2.3.1 on Theano 1.0.5 are with its cache of compiled C code filled. The "
        f"very first run, which fills it, took so many seconds to the end of an epoch of one step: "
        f"{', '.join(first)}.\n"
        if first
        else ""
    )
    return f"""# Speed of the Theano engine

Written by `make bench` (`python -m benchmarks`, see `--help`); not edited by hand.

{what}
{rounds} rounds on {date.today()}, the engines in turn; medians. {machine()} The load when it began
was {load:.1f}. Versions: {versions(titles)}.

*step* is `model.fit`'s time a step after the first epoch. *Cold start* is from the start of a new
process, imports included, to the end of the first epoch of {STEPS} steps. *compile* is how much longer the first
epoch takes than the later ones. *ours/its*: this engine's median over the other's, so below 1 is faster.
*busy* is how many times as long a step takes while another process keeps one core busy.
*peak MB* is the most memory the process held. *spread* is the slowest round's step over the quickest's.
Engines that take long to compile are measured in fewer rounds: {few(found)}.

{comparison}
![{plot.describe(measured, nets, titles)}](speed.png)
{cold_caches}
## Compile time and depth, this engine

Convolutions of 8 filters on 8x8 pictures, each with batch norm; two to a residual block.

{by_depth}
## Cost of a step and batch size, this engine

{by_batch}
{OTHERS}"""


def machine():
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    return f"{os.cpu_count()} cores ({name}), {platform.system()}, no GPU used."


def versions(titles):
    """The versions of what is compared, as installed."""
    code = (
        "from importlib.metadata import version, PackageNotFoundError\n"
        "for name in ('keras', 'pytensor', 'tensorflow-cpu', 'tensorflow', 'jax', 'numpy'):\n"
        "    try: print(name, version(name), end=', ')\n"
        "    except PackageNotFoundError: pass\n"
    )
    folder = str(engines.build_environment.TEST_PACKAGES) if "jax" in titles else ""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{done.stdout}Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
