"""uv is found or fetched, fetches from where pip would, and says that it goes on; pip stands behind it."""

import hashlib
import http.server
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from course_in_small import SmallCourse, write_command, write_wheel

from tools import installer

posix = pytest.mark.skipif(os.name == "nt", reason="the programs that stand in are shell scripts")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """No setting of this machine's for pip, uv and the network."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "SSL_CERT")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


# ---------------------------------------------------------------- pip's settings in uv's words


def test_the_settings_of_pip_install_are_read_as_pip_reads_them():
    listed = (
        "global.index-url='https://a/simple'\nglobal.timeout='60'\ninstall.timeout='90'\n"
        "freeze.timeout='1'\n:env:.find-links='/w'\nglobal.find-links='/v'\nglobal.no_index='yes'\n"
    )
    assert installer.pip_settings(listed) == {
        "index-url": "https://a/simple",
        "timeout": "90",
        "find-links": "/w",
        "no-index": "yes",
    }


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({"index-url": "https://a/simple"}, {"UV_DEFAULT_INDEX": "https://a/simple"}),
        ({"extra-index-url": "\nhttps://a\nhttps://b"}, {"UV_INDEX": "https://a https://b"}),
        ({"find-links": "/a https://b"}, {"UV_FIND_LINKS": "/a,https://b"}),
        ({"trusted-host": "a b:8080"}, {"UV_INSECURE_HOST": "a b:8080"}),
        ({"cert": "/a.pem"}, {"SSL_CERT_FILE": "/a.pem"}),
        ({"client-cert": "/c.pem"}, {"SSL_CLIENT_CERT": "/c.pem"}),
        ({"proxy": "http://p:1"}, {"HTTPS_PROXY": "http://p:1", "http_proxy": "http://p:1"}),
        ({"default-timeout": "60"}, {"UV_HTTP_TIMEOUT": "60"}),
        ({"timeout": "90", "default-timeout": "60"}, {"UV_HTTP_TIMEOUT": "90"}),
        ({"retries": "2"}, {"UV_HTTP_RETRIES": "2"}),
        ({"keyring-provider": "subprocess"}, {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"keyring-provider": "auto"}, {"UV_KEYRING_PROVIDER": None}),
        ({"cache-dir": "/c"}, {"UV_CACHE_DIR": os.path.join("/c", "uv")}),
        ({"no-cache-dir": "true"}, {"UV_NO_CACHE": "1"}),
        ({"no-cache-dir": "0"}, {"UV_NO_CACHE": None}),
        ({"constraint": "/c.txt"}, {"UV_CONSTRAINT": None}),
    ],
)
def test_a_setting_of_pips_in_uvs_words(pip, uv):
    options, environment = installer.translated(pip, {})
    assert options == []
    assert {name: environment.get(name) for name in uv} == uv


@pytest.mark.parametrize(
    ("pip", "own", "wins"),
    [
        ({"index-url": "https://pip"}, {"UV_DEFAULT_INDEX": "https://uv"}, "uv"),
        ({"index-url": "https://pip"}, {"UV_INDEX_URL": "https://uv"}, "uv"),
        ({"timeout": "1"}, {"UV_HTTP_TIMEOUT": "9"}, "uv"),
        ({"cert": "/pip"}, {"SSL_CERT_FILE": "/all"}, "pip"),
        ({"proxy": "http://pip"}, {"HTTPS_PROXY": "http://all"}, "pip"),
        ({}, {"SSL_CERT_FILE": "/all", "HTTPS_PROXY": "http://all"}, "uv"),
        ({"cert": "/pip"}, {"REQUESTS_CA_BUNDLE": "/all"}, "pip"),
    ],
)
def test_what_is_set_for_uv_goes_before_what_is_set_for_pip_and_that_before_what_is_for_all(
    pip, own, wins
):
    _, environment = installer.translated(pip, own)
    changed = {name for name in own if environment[name] != own[name]}
    assert changed == (set(own) - {"REQUESTS_CA_BUNDLE"} if wins == "pip" else set())
    assert ("UV_DEFAULT_INDEX" in environment) == ("UV_DEFAULT_INDEX" in own)
    if "REQUESTS_CA_BUNDLE" in own:
        assert environment["SSL_CERT_FILE"] == "/pip"


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one package; asked as a proxy, it is the index of every host."""

    def do_GET(self):
        path = self.path.partition("//")[2].partition("/")[2] if "://" in self.path else self.path
        found = {
            "simple/small": b'<a href="/small-1.0-py3-none-any.whl">small-1.0-py3-none-any.whl</a>',
            "small-1.0-py3-none-any.whl": self.server.wheel,
        }.get(path.strip("/"))
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def index(tmp_path):
    """A function that starts such an index, with a certificate or without; it returns the address."""
    wheel = write_wheel(tmp_path, "small", "1.0")
    servers = []

    def start(certificate: Path | None = None) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
        server.wheel = wheel.read_bytes()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"{'https' if certificate else 'http'}://localhost:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost, with its key, that nobody trusts."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    path = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:false"
    subprocess.run(
        [*command.split(), "-keyout", path, "-out", tmp_path / "public.pem"],
        check=True,
        capture_output=True,
    )
    with open(path, "a") as both:
        both.write((tmp_path / "public.pem").read_text())
    return path


def fetched(uv: str, folder: Path) -> tuple[bool, str]:
    """Whether uv installs the package ``small`` as pip is set up, and its output."""
    digest = hashlib.sha256((folder / "small-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    (folder / "lock").write_text(f"small==1.0 --hash=sha256:{digest}\n")
    options, environment = installer.uv_settings(sys.executable)
    command = [uv, "pip", "install", "--python", sys.executable, "--target", folder / "target"]
    command += ["--no-cache", "--no-deps", "--require-hashes", *options, "-r", folder / "lock"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return (folder / "target" / "small.py").exists(), done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"PIP_INDEX_URL": "{http}/simple"},
        {"PIP_INDEX_URL": "{http}/empty", "PIP_EXTRA_INDEX_URL": "{http}/other {http}/simple"},
        {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "{folder}"},
        {"PIP_INDEX_URL": "http://index.invalid/simple", "PIP_PROXY": "{http}"},
        {"PIP_INDEX_URL": "{https}/simple", "PIP_CERT": "{folder}/public.pem"},
        {"PIP_INDEX_URL": "{https}/simple", "REQUESTS_CA_BUNDLE": "{folder}/public.pem"},
        {"PIP_INDEX_URL": "{https}/simple", "PIP_TRUSTED_HOST": "localhost"},
    ],
    ids=lambda settings: " ".join(settings),
)
def test_uv_fetches_from_where_pip_would(uv, index, monkeypatch, request, tmp_path, settings):
    known = {"http": index(), "folder": str(tmp_path)}
    if "{https}" in str(settings):
        known["https"] = index(request.getfixturevalue("certificate"))
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(**known))
    installed, output = fetched(uv, tmp_path)
    assert installed, output


def test_a_certificate_that_is_not_trusted_is_explained(
    uv, index, certificate, monkeypatch, tmp_path
):
    monkeypatch.setenv("PIP_INDEX_URL", index(certificate) + "/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    installed, output = fetched(uv, tmp_path)
    assert not installed
    assert installer.reason(output) == installer.UNTRUSTED, output


# ---------------------------------------------------------------- which uv


@posix
@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ("echo 'uv 0.5.0'", True),
        ("echo 'uv 12.0.1 (1a2b 2030-01-01)'", True),
        ("echo 'uv 0.4.30'", False),
        ("echo 'uv 9.9.9'; exit 1", False),
        ("echo 'another program of this name'", False),
    ],
)
def test_uv_on_the_path_is_taken_if_it_is_new_enough_else_the_pinned_one_is_fetched(
    tmp_path, monkeypatch, answer, taken
):
    write_command(tmp_path / "uv", answer)
    script = "uv-7.8.9.data/scripts/uv"
    wheel = write_wheel(tmp_path, "uv", "7.8.9", {script: "#!/bin/sh\necho uv 7.8.9\n"})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "requirements-uv.lock"
    lock.write_text(f"uv==7.8.9 \\\n    --hash=sha256:{digest}\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(installer, "BUILD", tmp_path / "build")
    monkeypatch.setattr(installer, "UV_FOLDER", tmp_path / "build" / "uv")
    monkeypatch.setattr(installer, "UV_LOCK", lock)
    expected = tmp_path / "uv" if taken else tmp_path / "build" / "uv" / "bin" / "uv"
    assert installer.find_uv(sys.executable) == str(expected)

    monkeypatch.setattr(installer, "run_showing_progress", lambda *command: 1 / 0)
    assert installer.find_uv(sys.executable) == str(expected), "it is fetched once"


@posix
def test_a_uv_that_is_not_the_pinned_one_is_not_used(tmp_path, monkeypatch):
    write_wheel(tmp_path, "uv", "7.8.9", {"uv-7.8.9.data/scripts/uv": "#!/bin/sh\necho uv 7.8.9\n"})
    lock = tmp_path / "requirements-uv.lock"
    lock.write_text(f"uv==7.8.9 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(installer, "BUILD", tmp_path / "build")
    monkeypatch.setattr(installer, "UV_FOLDER", tmp_path / "build" / "uv")
    monkeypatch.setattr(installer, "UV_LOCK", lock)
    assert installer.find_uv(sys.executable) is None


# ---------------------------------------------------------------- a Python by uv

UV_WITH_PYTHONS = """\
case "$1 $2" in
    "--version ") echo "uv 0.13.9" ;;
    "python find") [ -e "$UV_PYTHON_INSTALL_DIR/there" ] && echo "{python}" ;;
    "python install") {install} ;;
esac"""


@posix
@pytest.mark.parametrize("how", ["on the PATH", "by an old Python's pip", "not to be had"])
@pytest.mark.parametrize("online", [True, False])
def test_where_no_python_is_supported_uv_fetches_one(tmp_path, how, online):
    course = SmallCourse(tmp_path / "a course", tmp_path / "wheels")
    commands = tmp_path / "path"
    commands.mkdir()
    for tool in ("sh", "dirname", "mkdir", "cp"):
        (commands / tool).symlink_to(shutil.which(tool))
    fetch = 'mkdir -p "$UV_PYTHON_INSTALL_DIR"; : > "$UV_PYTHON_INSTALL_DIR/there"'
    uv = tmp_path / "uv"
    script = UV_WITH_PYTHONS.format(python=sys.executable, install=fetch if online else "exit 1")
    write_command(uv, script)
    if how == "on the PATH":
        (commands / "uv").symlink_to(uv)
    pip = f'mkdir -p "{course.root}/build/uv/bin"; cp "{uv}" "{course.root}/build/uv/bin"'
    pip = pip if how == "by an old Python's pip" else "exit 1"
    write_command(
        commands / "python3",
        f'case "$1 $2" in "-m pip") {pip} ;; -c*) printf 3.9.18 ;; *) exit 1 ;; esac',
    )
    command = ["sh", str(course.root / "tools" / "find-python")]
    run = lambda: subprocess.run(
        command, env={"PATH": str(commands)}, capture_output=True, text=True
    )
    done = run()
    fetching = "uv fetches Python 3.13 into .python" in done.stderr
    assert fetching == (how != "not to be had")
    assert "(python3 is 3.9.18)" in done.stderr
    if fetching and online:
        assert (done.returncode, done.stdout) == (0, f"{sys.executable}\n"), done.stderr
        assert (course.root / ".python" / "there").exists()
        assert (run().stdout, run().stderr) == (done.stdout, ""), "it is fetched once"
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "this course needs Python 3.11, 3.12 or 3.13" in done.stderr.splitlines()[-1]


# ---------------------------------------------------------------- progress


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["Downloading scipy (33.7MiB)", "Downloading big-one (261.1MiB)", " Downloaded scipy"],
         "fetching big-one (261.1MiB)\n"),
        (["Collecting small==1.0", "  Downloading https://a/b/big_one-1.0-py3.whl (261.1 MB)"],
         "fetching big_one (261.1 MB)\n"),
        ([f"Downloading p{i} (1MiB)" for i in range(9)], "p1 (1MiB), p2 (1MiB) and 6 more\n"),
        (["Prepared 153 packages in 7.19s"], "153 packages fetched and checked: putting them"),
        (["Collecting a", "Collecting b", "Installing collected packages: a, b"],
         "2 packages fetched and checked: putting them"),
        ([], "at work\n"),
    ],
)  # fmt: skip
def test_silence_is_broken_by_what_it_is_at(monkeypatch, capsys, tmp_path, lines, told):
    monkeypatch.setattr(installer, "TICK", 0.1)

    def slow():
        yield from (line + "\n" for line in lines)
        time.sleep(0.35)

    with open(tmp_path / "log", "w") as log:
        installer.show_progress(slow(), log)
    shown = capsys.readouterr().out
    assert told in shown
    assert 2 <= shown.count(" s: ") <= 4
    assert (tmp_path / "log").read_text().splitlines() == lines


def test_the_tick_keeps_the_promise_of_a_line_every_twenty_seconds():
    assert installer.TICK < 20
