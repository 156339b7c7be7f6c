"""Build, check and use the course's Python environment: ``python tools/environment.py --help``.

This file only decides whether the Python that runs it is one the course supports, and so it must
be readable by every Python back to 2.7: no f-strings, annotations or newer syntax here. The work
is done in ``build_environment.py`` beside it.
"""

import sys

OLDEST, NEWEST = (3, 11), (3, 13)

if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(
        "Python "
        + ".".join(str(number) for number in sys.version_info[:3])
        + " ("
        + str(sys.executable)
        + ") is not supported: this course needs Python 3.11, 3.12 or 3.13. "
        + "Install one of them, or name one you have: make lab PYTHON=python3.12"
    )

if __name__ == "__main__":
    import build_environment

    sys.exit(build_environment.main())
