"""Where a training step's time goes on the Theano engine: ``python -m benchmarks.profile NET``.

Prints the time of each class of op in the compiled training function, and of its slowest nodes.
"""

import argparse
import time

import pytensor

import keras_theano  # noqa: F401 - before Keras
from benchmarks.nets import NETS


def main():
    """Profile one net's training function and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=NETS)
    parser.add_argument("--steps", type=int, default=30, metavar="N")
    parser.add_argument("--batch", type=int, metavar="N", help="default: the benchmark's")
    parser.add_argument("--nodes", type=int, default=15, metavar="N", help="slowest nodes shown")
    options = parser.parse_args()
    net = NETS[options.net]
    batch = options.batch or net.batch
    x, y = net.data(batch)
    model = net.build()
    with pytensor.config.change_flags(profile=True):
        model.train_on_batch(x, y)
    (function,) = model.train_function.step.functions
    profile = function.profile
    profile.atexit_print = False
    warm = (profile.vm_call_time, dict(profile.apply_time), dict(profile.apply_callcount))
    started = time.perf_counter()
    for _ in range(options.steps):
        model.train_on_batch(x, y)
    wall = (time.perf_counter() - started) / options.steps
    spent = {
        node: seconds - warm[1].get((graph, node), 0)
        for (graph, node), seconds in profile.apply_time.items()
    }
    report(options.net, batch, spent, profile.vm_call_time - warm[0], wall, options)


def report(name, batch, spent, in_function, wall, options):
    """Print the tables: `spent` has each node's seconds over all the steps."""
    total = sum(spent.values())
    each = 1000 / options.steps
    print(f"{name}, batch {batch}, {options.steps} steps after the first, {len(spent)} nodes")
    print(f"  {1000 * wall:9.3f} ms a step, of which")
    print(f"  {each * in_function:9.3f} ms in the compiled function, of which")
    print(f"  {each * total:9.3f} ms in its ops")
    classes = {}
    for node, seconds in spent.items():
        kind = str(node.op) if len(str(node.op)) < 40 else type(node.op).__name__
        count, so_far = classes.get(kind, (0, 0.0))
        classes[kind] = count + 1, so_far + seconds
    print(f"\n{'ms a step':>11} {'share':>6} {'nodes':>5}  op")
    for kind, (count, seconds) in sorted(classes.items(), key=lambda item: -item[1][1])[:25]:
        print(f"{each * seconds:11.3f} {seconds / total:6.1%} {count:5}  {kind}")
    print(f"\n{'ms a step':>11} {'share':>6}  slowest nodes: op(inputs) -> outputs")
    for node, seconds in sorted(spent.items(), key=lambda item: -item[1])[: options.nodes]:
        kinds = ", ".join(str(v.type) for v in node.inputs[:6])
        print(
            f"{each * seconds:11.3f} {seconds / total:6.1%}  {str(node.op)[:60]}({kinds[:120]}) -> "
            + ", ".join(str(v.type) for v in node.outputs)[:80]
        )


if __name__ == "__main__":
    main()
