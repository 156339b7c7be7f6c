"""Installs exactly what a lock file pins, with uv; where uv cannot be had or fails, with pip.

Standard library only: this runs before anything is installed. uv is the one on the PATH if it is new
enough, else the wheel that requirements-uv.lock pins, fetched by pip into build/uv. It reads nothing
of pip's settings, so those that say where and how to fetch are handed to it in its own words.
"""

import ast
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
UV_LOCK = ROOT / "requirements-uv.lock"
UV_FOLDER = BUILD / "uv"
OLDEST_UV = (0, 5)  # it knows every option and variable used here
TICK = 15  # seconds, after which a line says that it goes on

# Of pip's and uv's own settings, the ones that say where and how to fetch are honoured. The others
# (PIP_TARGET, PIP_USER, UV_NO_BINARY, UV_CONSTRAINT ...) would build another environment.
SETTINGS = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"}
SETTINGS |= {"PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_TIMEOUT"}
SETTINGS |= {"PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_KEYRING_PROVIDER"}
SETTINGS |= {"PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE"}
SETTINGS |= {"UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INSECURE_HOST"}
SETTINGS |= {"UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES"}
SETTINGS |= {"UV_KEYRING_PROVIDER", "UV_CACHE_DIR", "UV_NO_CACHE", "UV_LINK_MODE", "UV_OFFLINE"}
SETTINGS |= {"UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_CONCURRENT_DOWNLOADS"}

# Why pip or uv failed: what its output has in it, and what that means.
HASHES = (
    "A downloaded file is not the one {lock} names: it was damaged on the way, or a proxy or mirror "
    "replaced it. Try again, then from another network."
)
DISK_FULL = "The disk is full."
UNREACHABLE = "The package index cannot be reached."
UNTRUSTED = (
    "The package index shows a certificate that is not trusted here. A network that looks into its "
    "traffic has a certificate of its own: PIP_CERT=/path/to/it.pem names it."
)
NO_BUILD = "The package index cannot be reached, or holds no build for this computer."
REASONS = {
    "No space left on device": DISK_FULL,
    "not enough space on the disk": DISK_FULL,
    "DO NOT MATCH THE HASHES": HASHES,
    "Hash mismatch": HASHES,
    "CERTIFICATE_VERIFY_FAILED": UNTRUSTED,
    "invalid peer certificate": UNTRUSTED,
    "Failed to establish a new connection": UNREACHABLE,
    "Temporary failure in name resolution": UNREACHABLE,
    "client error (Connect)": UNREACHABLE,
    "No matching distribution found": NO_BUILD,
    "No solution found": NO_BUILD,
    "Permission denied": f"The folder {ROOT} cannot be written to.",
}
FINAL = {DISK_FULL, HASHES}  # where uv fails so, pip would, too


class Refusal(Exception):
    """Something the person at the keyboard has to see to; the message says what."""


def say(text):
    print(text, flush=True)


def install(python, lock, *options):
    """Install exactly what a lock file pins, every file checked against its hash.

    python: the interpreter to install for; it has pip. options: more for ``pip install``, which uv
    understands too.

    Raises:
        Refusal: the packages could not be installed; the message says why, and where the log is.
    """
    options = ["--no-deps", "--require-hashes", *options, "-r", str(lock)]
    uv = find_uv(python)
    if uv:
        settings, environment = uv_settings(python)
        command = [uv, "pip", "install", "--python", str(python), *settings, *options]
        status, log = run_showing_progress(command, "uv.log", environment)
        if status == 0:
            return
        if reason(log) in FINAL:
            raise Refusal(explain(log, "uv", lock))
        say("  uv could not install the packages (see build/uv.log): pip tries now.")
    else:
        say("  uv cannot be had here: pip does its work, which takes two minutes or more longer.")
    status, log = run_showing_progress(pip_install(python, *options), "pip.log")
    if status:
        raise Refusal(explain(log, "pip", lock))


def pip_install(python, *options):
    """The command line that installs with pip, and prints what can be read line by line."""
    quiet = ["--progress-bar", "off", "--no-input", "--disable-pip-version-check"]
    return [str(python), "-m", "pip", "install", *quiet, *options]


# ---------------------------------------------------------------- uv


def find_uv(python):
    """The path of a uv that starts: the one on the PATH, or else the pinned one; None if neither can be had.

    python: an interpreter with pip, by which the pinned one is fetched where it is not there yet.
    """
    on_path = shutil.which("uv")
    if on_path and uv_version(on_path) >= OLDEST_UV:
        return on_path
    if not UV_LOCK.exists():
        return None
    pinned = re.match(r"uv==(\S+)", UV_LOCK.read_text()).group(1)
    uv = UV_FOLDER / ("bin/uv.exe" if os.name == "nt" else "bin/uv")
    wanted = tuple(int(part) for part in pinned.split("."))
    if uv_version(uv) != wanted:
        # A wheel or nothing: elsewhere pip would set out to compile it.
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(UV_LOCK)]
        shutil.rmtree(UV_FOLDER, ignore_errors=True)
        run_showing_progress(
            pip_install(python, *options, "--target", str(UV_FOLDER)), "uv-by-pip.log"
        )
    return str(uv) if uv_version(uv) == wanted else None


def uv_version(uv):
    """The version of a uv as a tuple of numbers; empty for one that does not start."""
    try:
        done = subprocess.run([str(uv), "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", done.stdout) if done.returncode == 0 else None
    return tuple(int(part) for part in found.groups()) if found else ()


def uv_settings(python):
    """Options and environment variables with which uv fetches from where, and as, pip would.

    python: an interpreter with pip. What is set for uv itself goes before what is set for pip. pip's
    constraints are left out: with every package pinned they could only forbid one.
    """
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "config", "list"],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return translated(pip_settings(done.stdout), clean_environment())


def pip_settings(listed):
    """What ``pip config list`` printed, as pip install sees it: name -> value, both text."""
    values = {}
    # A later section goes before an earlier one, as in pip.
    for section in ("global", "install", ":env:"):
        for line in listed.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section + "."):
                name = key.removeprefix(section + ".").replace("_", "-")
                values[name] = str(ast.literal_eval(value))
    return values


def translated(pip, environment):
    """pip's settings as options of uv and as the variables that uv and its network library read.

    pip: from `pip_settings`. environment: the variables to add to.
    """

    def on(name):
        return pip.get(name, "").lower() in ("1", "y", "yes", "t", "true", "on")

    def path(text):
        return str(Path(text).expanduser())

    # pip takes a package from whichever index has it, and trusts the system's certificates.
    uv = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "1"}
    uv["UV_DEFAULT_INDEX"] = pip.get("index-url") if "UV_INDEX_URL" not in environment else None
    uv["UV_INDEX"] = spaced(pip.get("extra-index-url"))
    uv["UV_FIND_LINKS"] = spaced(pip.get("find-links"), ",")
    uv["UV_INSECURE_HOST"] = spaced(pip.get("trusted-host"))
    uv["UV_CACHE_DIR"] = os.path.join(path(pip["cache-dir"]), "uv") if "cache-dir" in pip else None
    uv["UV_NO_CACHE"] = "1" if on("no-cache-dir") else None
    uv["UV_HTTP_TIMEOUT"] = pip.get("timeout") or pip.get("default-timeout")
    uv["UV_HTTP_RETRIES"] = pip.get("retries")
    # uv has not the others that pip has.
    uv["UV_KEYRING_PROVIDER"] = (
        "subprocess" if pip.get("keyring-provider") == "subprocess" else None
    )
    uv = {name: value for name, value in uv.items() if value}
    # These are not uv's own: pip puts its setting before them, too.
    network = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), pip.get("proxy")
    )
    network["SSL_CLIENT_CERT"] = path(pip["client-cert"]) if "client-cert" in pip else None
    bundles = [pip.get("cert"), *map(environment.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))]
    if bundle := next(filter(None, bundles), None):
        network["SSL_CERT_DIR" if os.path.isdir(path(bundle)) else "SSL_CERT_FILE"] = path(bundle)
    network = {name: value for name, value in network.items() if value}
    return ["--no-index"] if on("no-index") else [], {**uv, **environment, **network}


def spaced(text, separator=" "):
    """pip's lists have white space between their items; None stays None."""
    return text and separator.join(text.split())


# ---------------------------------------------------------------- running it


def run_showing_progress(command, log, environment=None):
    """Run pip or uv, and tell a person how far it is; return its exit status and its output.

    log: the name of the file in build/ that keeps the output.
    """
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / log, "w", encoding="utf-8") as record:
        process = subprocess.Popen(
            command,
            env=environment or clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            close_fds=False,  # it holds the build lock on when only its parent is killed
        )
        try:
            show_progress(process.stdout, record)
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    return status, (BUILD / log).read_text(encoding="utf-8")


def show_progress(lines, record):
    """Copy pip's or uv's output to a log, and say now and then what it is at.

    On a terminal that is one line that changes every second, elsewhere a line at a time.
    """
    on_terminal = sys.stdout.isatty()
    started, fetching, seen = time.monotonic(), {}, 0
    for line in with_ticks(lines, 1 if on_terminal else TICK):
        words = (line or "").split()
        if line is not None:
            record.write(line)
            record.flush()
            if words[:1] in (["Collecting"], ["Processing"]):  # pip's; the second is a local file
                seen, fetching = seen + 1, {}
            elif words[:1] == ["Downloading"]:
                name = re.split(r"[-=]\d", words[1].rsplit("/", 1)[-1])[0]
                fetching[name] = line[line.rfind("(") :].strip() if "(" in line else ""
            elif words[:1] == ["Downloaded"]:
                fetching.pop(words[1], None)
            elif words[:1] == ["Prepared"] or words[:2] == ["Installing", "collected"]:
                fetching = {}
                clear_line(on_terminal)
                count = int(words[1]) if words[0] == "Prepared" else seen
                if count == 1:  # uv itself, for one
                    continue
                say(f"  {count} packages fetched and checked: putting them in place ...")
        else:
            names = [f"{name} {size}".strip() for name, size in fetching.items()]
            doing = "fetching " + ", ".join(names[:3]) if names else "at work"
            doing += f" and {len(names) - 3} more" if len(names) > 3 else ""
            clear_line(on_terminal)
            text = f"  {time.monotonic() - started:.0f} s: {doing}"
            print(text[:78] if on_terminal else text, end="" if on_terminal else "\n", flush=True)
    clear_line(on_terminal)


def clear_line(on_terminal):
    if on_terminal:
        print("\r\033[K", end="", flush=True)


def with_ticks(lines, seconds):
    """Yield the lines of a process as they come, and None every so many seconds."""
    arrived = queue.Queue()
    end = object()

    def read():
        for line in lines:
            arrived.put(line)
        arrived.put(end)

    threading.Thread(target=read, daemon=True).start()
    next_tick = time.monotonic() + seconds
    while True:
        try:
            line = arrived.get(timeout=max(0, next_tick - time.monotonic()))
        except queue.Empty:
            next_tick, line = next_tick + seconds, None
        if line is end:
            return
        yield line


def reason(log):
    """What the first known sign of a failure means, in order of `REASONS`; None if there is none."""
    return next((meaning for sign, meaning in REASONS.items() if sign in log), None)


def explain(log, tool, lock):
    """Say in one or two sentences why uv or pip failed, with the end of its output."""
    tail = "\n".join("  " + line for line in log.strip().splitlines()[-8:])
    cause = reason(log) or f"{tool} could not install the packages."
    return (
        f"{tail}\n{cause.replace('{lock}', lock.name)} The whole log is in build/{tool}.log; "
        "run the same command again to retry."
    )


def clean_environment():
    """This process's environment variables without those that would lead Python, pip or uv astray.

    Lessons pick the Keras engine themselves, so a KERAS_BACKEND of the user's own goes too.
    """
    astray = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "KERAS_BACKEND"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in astray
        and (
            not name.startswith(("PIP_", "UV_")) or name in SETTINGS or name.startswith("UV_INDEX")
        )
    }
    # A kernel of the same name installed for the user must not be taken for the course's.
    return {**kept, **own_folders(kept), "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONUTF8": "1"}


def own_folders(environment):
    """Variables that keep what programs write for their user inside the course's folder.

    They hold Jupyter's settings and state, IPython's history, and what Keras, Matplotlib and PyTensor
    write when they start. A folder that the user chose for one of them stays chosen.
    """
    home = ROOT / ".home"
    folders = {
        "JUPYTER_CONFIG_DIR": home / "jupyter",
        "JUPYTER_DATA_DIR": home / "jupyter" / "data",
        "IPYTHONDIR": home / "ipython",
        "KERAS_HOME": home / "keras",
        "MPLCONFIGDIR": home / "matplotlib",
    }
    chosen = {name: str(folder) for name, folder in folders.items() if name not in environment}
    flags = environment.get("PYTENSOR_FLAGS", "")
    if "compiledir" not in flags:
        # Quoted, because PyTensor takes commas and quotes in a path for its own.
        compiled = f"base_compiledir={shlex.quote(str(home / 'pytensor'))}"
        chosen["PYTENSOR_FLAGS"] = f"{flags},{compiled}" if flags else compiled
    return chosen
