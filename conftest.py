"""Loaded by pytest for every run: the notebooks' time, memory and engine are watched."""

pytest_plugins = ["tests.notebooks.budget"]
