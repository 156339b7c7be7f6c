"""Looks for models on which the engine and TensorFlow differ: ``make fuzz MINUTES=30``.

Every fault is shrunk to the smallest model that still shows it, and printed as a program; its
specification, in one line, can go to known.json. The exit status is 1 if there was a fault.
"""

import argparse
import sys
import time

from tests.fuzz.fuzzer import Fuzzer


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument(
        "--seed", type=int, default=None, help="of the first model; then one more each"
    )
    parser.add_argument("--models", type=int, default=None, help="stop after so many")
    parser.add_argument("--mode", default="vm", help="of the engine: vm, numba, c or jax")
    options = parser.parse_args(arguments)
    seed = int(time.time()) * 1000 if options.seed is None else options.seed
    until = time.monotonic() + 60 * options.minutes
    with Fuzzer(options.mode, say=lambda text: print(text, flush=True)) as fuzzer:
        while time.monotonic() < until and fuzzer.tried != options.models:
            fuzzer.try_seed(seed + fuzzer.tried)
            if fuzzer.tried % 50 == 0:
                print(fuzzer.summary(), flush=True)
    print(fuzzer.summary())
    return 1 if fuzzer.faults else 0


if __name__ == "__main__":
    sys.exit(main())
