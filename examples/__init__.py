"""Programs of the kind that Keras's own documentation shows, on this engine: ``python -m examples --help``."""
