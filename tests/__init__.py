"""A package, so that `tests` always means this folder: IPython 7, which Colab has, puts one of that name on the path."""
