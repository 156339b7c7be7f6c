"""Runs the examples, each in a process of its own, and prints a table of what they reach and in how long.

    python -m examples                        # on Theano
    python -m examples theano tensorflow      # one engine after the other

Seconds are the processor's, of all cores together, without the imports: a busy machine does not change them much.
"""

import argparse

from utils.processes import run_programs

EXAMPLES = ("images", "text", "series")
PROGRAM = """
import os
os.environ["KERAS_THEANO_ENGINE"] = {engine!r}
import time
from examples import {name}
started = time.process_time()
measured, figure = {name}.main(few={few})
print(f"| {name} | {engine} | {{measured}} {{figure:.3g}} | {{time.process_time() - started:.0f}} |")
"""


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__.splitlines()[0])
    parser.add_argument("engine", nargs="*", default=["theano"], help="theano, tensorflow or jax")
    parser.add_argument("--only", choices=EXAMPLES, nargs="+", default=EXAMPLES)
    parser.add_argument("--few", action="store_true", help="a moment's work, to see that they run")
    options = parser.parse_args(arguments)
    print("| example | engine | reaches | processor seconds |\n|---|---|---|---:|")
    for name in options.only:
        for engine in options.engine:
            program = PROGRAM.format(name=name, engine=engine, few=options.few)
            print(run_programs({name: program}, timeout=1800)[name].strip(), flush=True)


if __name__ == "__main__":
    main()
