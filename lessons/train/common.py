"""What the scripts beside this one share: where their files go, and that they are listed.

Each `lesson_NN.py` trains what its lesson has no time for, with the lesson's own code: the cells that
are tagged `train`. What it makes is the pack data/weights, which the lessons load by `pack_path`.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "data" / "weights"
sys.path.insert(0, str(ROOT))  # run as a file, from anywhere


def main(build: Callable[[Path], None]) -> None:
    """Command line of a script: write its files into the folder it is given, or into data/weights.

    There the list of files is brought up to date, and with it the checksums that `pack_path` asks for.
    """
    folder = Path(sys.argv[1]) if sys.argv[1:] else WEIGHTS
    build(folder)
    if folder != WEIGHTS:
        return
    listed = {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(WEIGHTS.iterdir())
        if path.name not in {"card.toml", "files.json", "README.md"}
    }
    text = json.dumps(listed, indent=1) + "\n"
    (WEIGHTS / "files.json").write_text(text, encoding="utf-8", newline="\n")


def save_json(made, path: Path) -> None:
    """Save figures, without spaces, and with the same end of a line on every system."""
    text = json.dumps(made, separators=(",", ":")) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def save_half(net, make: Callable, path: Path) -> None:
    """Save a net's weights in half precision, which halves the file; loading turns them back.

    make: called without arguments, makes another net of the same layers.
    """
    import keras

    keras.config.set_dtype_policy("float16")
    try:
        half = make()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(net.get_weights())
    half.save_weights(path)
