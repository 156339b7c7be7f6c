"""The engine's lock: one thread at a time makes graphs, runs compiled functions, changes variables.

A compiled function has places in memory for its inputs and results and writes into the variables it
updates, and PyTensor keeps settings and counters for the whole process; none of that stands two
threads. They take turns instead: a thread that predicts while another trains gets the time between
two steps. A step uses all cores as it is, so little is lost. Eager calls wait only while a graph is
made; what they run has locks of its own (`tensor.Program`), which are taken after this one.
"""

import os
import threading

# One thread may take it again: a step that is traced calls layers, which read variables.
engine_lock = threading.RLock()

if hasattr(os, "register_at_fork"):
    # Held while a process forks, so that no child inherits it from a thread that it has not got.
    os.register_at_fork(
        before=engine_lock.acquire,
        after_in_parent=engine_lock.release,
        after_in_child=engine_lock.release,
    )
