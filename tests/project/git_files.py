"""The files of this checkout, as git lists them."""

import subprocess

import pytest
from course_in_small import ROOT


def git_files(*options):
    """Paths, as text, below the course's folder; a test in what is no git checkout is skipped.

    options: of ``git ls-files``; without them, the files that are tracked.
    """
    command = ["git", "-c", "core.quotepath=off", "ls-files", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()
