"""A course in miniature, with two tiny packages, on which the tools that build it are tried."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class SmallCourse:
    """A folder with the project's tools, a lock file of tiny packages, and nothing of the course."""

    def __init__(self, folder: Path, wheels: Path, uv: str | None = None):
        """uv: the path of the one to find on the PATH; None for one that does not start."""
        self.root, self.wheels = folder, wheels
        self.log = folder / "build" / ("uv.log" if uv else "pip.log")
        self.commands = wheels.with_name("commands")
        self.commands.mkdir()
        if uv:
            (self.commands / "uv").symlink_to(uv)
        else:
            write_command(self.commands / "uv", "exit 1")
        self.venv = folder / ".venv"
        self.python = self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__py*"))
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "lessons").mkdir()
        (folder / "utils").mkdir()
        (folder / "utils" / "__init__.py").write_text("")
        shutil.copy(ROOT / "utils" / "workbook.py", folder / "utils")
        wheels.mkdir()
        self.pin(small="1.0")
        self.pin("requirements-test.lock", smalltest="1.0")
        self.pin("requirements-book.lock", smallbook="1.0")

    def pin(self, lock: str = "requirements.lock", **versions: str) -> None:
        """Write a lock file for these packages, and a wheel for each."""
        lines = []
        for name, version in versions.items():
            wheel = write_wheel(self.wheels, name, version)
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}\n")
        (self.root / lock).write_text("".join(lines))

    def environment(self, **more: str) -> dict[str, str]:
        """Environment variables with which pip finds the tiny packages and no others."""
        # MAKE...: these tests may themselves have been started by make.
        astray = ("PIP_", "UV_", "PYTHON", "MAKE", "MFLAGS")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(astray)}
        path = os.pathsep.join([str(self.commands), kept.get("PATH", "")])
        sources = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        return {**kept, "PATH": path, **sources, **more}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.root / "tools" / "environment.py"), *arguments]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess:
        """Run tools/environment.py to its end; its output, errors included, is in ``stdout``."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start tools/environment.py in a process group of its own, to be interrupted."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell lets what it starts in the background ignore Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def installed(self, name: str, folder: Path | None = None) -> str | None:
        """The version of a package that .venv's Python imports from another folder, if any."""
        code = f"import {name}; print({name}.version)"
        done = subprocess.run(
            [str(self.python), "-c", code],
            cwd=folder or self.wheels,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() if done.returncode == 0 else None


def write_command(path: Path, *lines: str) -> None:
    """Write a program for a POSIX shell."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def write_wheel(folder: Path, name: str, version: str, more: dict[str, str] | None = None) -> Path:
    """Write a wheel with one module whose ``version`` is the given one, and more files; return its path."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(more or {}),
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = (0o100755 if "/scripts/" in file else 0o100644) << 16
            wheel.writestr(entry, text)
    return path
