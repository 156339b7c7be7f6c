"""Speed of the Theano engine beside other engines: ``python -m benchmarks --help``."""
