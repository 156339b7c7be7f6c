"""Nothing here opens a pickle, runs downloaded text, lets a shell read words, or takes a lock off: SECURITY.md.

Every Python file, every code cell of every lesson and every script is scanned. What has a good reason is in
`ALLOWED`, with the reason; a line of it that nothing needs any more fails, too.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from course_in_small import ROOT
from git_files import git_files

from utils import workbook
from utils.processes import run_programs

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
# Modules whose files run code when they are opened.
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
RUNNING = {"exec", "eval", "__import__"}
#: An argument, and the values with which nothing is wrong.
ARGUMENTS = {
    "allow_pickle": (False,),
    "safe_mode": (True,),
    "verify": (True,),
    "shell": (False,),
    "check_hostname": (True,),
}
#: Calls that are wrong as they are, by the end of their dotted name.
CALLS = {
    "os.system": "os.system",
    "os.popen": "os.popen",
    "subprocess.getoutput": "shell=True",
    "subprocess.getstatusoutput": "shell=True",
    "enable_unsafe_deserialization": "safe_mode=False",
    "_create_unverified_context": "verify=False",
    "read_pickle": "pickle",
    "torch.load": "pickle",
    "yaml.load": "yaml.load",
    "runpy.run_path": "exec",
    "runpy.run_module": "exec",
    "exec_module": "exec",
}
#: In scripts, and in programs that stand as text in a test: what to look for, and what it is.
WORDS = {
    r"\bexec\(": "exec",
    r"(?<![.\w])eval\(": "eval",
    r"\brunpy\.run_": "exec",
    r"\b(?:un)?pickle\.loads?\(": "pickle",
    r"allow_pickle\s*=\s*True": "allow_pickle",
    r"safe_mode\s*=\s*False": "safe_mode",
    r"verify\s*=\s*False": "verify",
    r"shell\s*=\s*True": "shell",
    r"(?:token|password|PasswordIdentityProvider\.\w+)\s*=\s*(?:''|\"\")": "no token",
    r"(?:IdentityProvider|ServerApp|NotebookApp|LabApp)\.(?:token|password)=(?:[\s\"')\]]|$)": "no token",
    r"disable_check_xsrf|allow_origin|allow_unauthenticated_access|allow_remote_access": "open server",
    r"(?:--ip|\.ip)[= ]+[\"']?(?:0\.0\.0\.0|\*|::)": "open server",
    r"--(?:no-check-certificate|insecure|trusted-host)\b|\bcurl\b[^\n]*\s-k\b": "verify",
    r"(?:curl|wget)\b[^\n|]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b": "downloaded script",
}
TEXTS = {"", ".sh", ".yml", ".yaml", ".toml", ".js", ".json"}

#: File or lesson, and what it does -> why that is safe.
ALLOWED = {
    ("data/prepare/rframes.py", "pickle"): "a subclass of Unpickler that knows the names of a plain data frame only; maintainers' machines",
    ("data/prepare/squeezenet.py", "pickle"): "a subclass of Unpickler that knows NumPy's arrays only; maintainers' machines",
    ("tests/data/test_prepare.py", "pickle"): "makes the pickles that both must refuse",
    ("tests/project/test_handed_in.py", "pickle"): "makes the pickle that must not be opened",
    ("utils/code.py", "exec"): "runs cells and functions of this checkout, edited by a lesson before the reader's eyes",
    ("utils/exercises.py", "exec"): "loads the solutions in this checkout by their path, as an import does",
    ("keras_theano/hook.py", "exec"): "loads modules of the installed Keras, as an import does",
    ("tests/data/test_packs.py", "exec"): "loads data/prepare, in this checkout, by its path",
    ("tests/notebooks/test_classic_notebook.py", "exec"): "runs a cell of lesson 02b, in this checkout",
    ("tests/notebooks/test_chrf_lesson_13c.py", "exec"): "runs a cell of lesson 13c, in this checkout",
    ("tests/notebooks/test_exercises.py", "exec"): "pastes a printed solution of this checkout",
    ("tests/notebooks/test_exercises.py", "eval"): "makes functions with other argument names",
    ("tests/notebooks/test_hygiene.py", "exec"): "shows the rule against it a cell that breaks it",
    ("tests/notebooks/test_same_weights_lesson_08.py", "exec"): "runs cells of lesson 08, in this checkout",
    ("tests/project/test_open_lab.py", "eval"): "reads what PyTensor's own parser printed a moment before",
    ("tests/project/test_supported_pythons.py", "exec"): "a stand-in for a Python, which runs what the test hands it",
    ("tests/keras_theano/test_text_as_tensorflow.py", "exec"): "runs a module of this checkout in a process of its own",
}  # fmt: skip
HERE = "tests/project/test_security.py"


def test_the_page_names_files_and_lessons_that_are_there():
    named = re.findall(
        r"`((?:utils|tools|tests|data|lessons)/[\w./]*|[\w.-]+\.(?:lock|json))`", PAGE
    )
    named = [name for name in named if name != "files.json"]  # one in each folder of data/
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).exists()] == []
    served = [
        workbook.number_of(path)
        for path in workbook.lessons()
        if re.search(r"from utils\.tf import [^\n]*\bserve\b", path.read_text("utf-8"))
    ]
    assert re.findall(r"\*\*A port, for lesson (\w+)\*\*", PAGE) == served


def files():
    """The files that git tracks, or would."""
    listed = git_files("--cached", "--others", "--exclude-standard")
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def found_in_python(source):
    """What a piece of Python does that ought not to be done, as words of `ALLOWED`."""
    tree = ast.parse(source)
    found = set()
    seen = {  # docstrings
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):  # from the outside in
        if isinstance(node, ast.JoinedStr):
            pieces = [
                part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
            ]
            found |= found_in_text("".join(pieces))
            seen |= set(map(id, node.values))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            found |= {"pickle" for name in names if name.partition(".")[0] in UNPICKLING}
        elif isinstance(node, ast.Call):
            found |= _calls(node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            # ssl's check_hostname and the like, set afterwards
            targets = [t.attr for t in node.targets if isinstance(t, ast.Attribute)]
            found |= {t for t in targets if t in ARGUMENTS and node.value.value not in ARGUMENTS[t]}
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen
        ):
            found |= found_in_text(node.value)
    return found


def _calls(call):
    name = ast.unparse(call.func)
    found = {name} & RUNNING
    found |= {what for end, what in CALLS.items() if f".{name}".endswith(f".{end}")}
    for argument in call.keywords:
        fine = ARGUMENTS.get(argument.arg)
        value = argument.value
        if fine and not (isinstance(value, ast.Constant) and value.value in fine):
            found.add(argument.arg)
    if name.endswith(("HTTPServer", "TCPServer", "create_server", ".bind")) and call.args:
        host = call.args[0].elts[0] if isinstance(call.args[0], ast.Tuple) else None
        everywhere = isinstance(host, ast.Constant) and host.value in ("", "0.0.0.0", "::")
        found |= {"open server"} if everywhere else set()
    if name.endswith("extractall") and not any(a.arg == "filter" for a in call.keywords):
        found |= {"extractall"} if "tar" in name.lower() else set()
    return found


def found_in_text(text):
    return {what for pattern, what in WORDS.items() if re.search(pattern, text, re.M)}


def python_of(cell):
    """A code cell as Python; IPython's own commands, kept as text."""
    return re.sub(
        r"^(\s*)([!%].*)$", lambda m: f"{m[1]}_ = {m[2]!r}", cell.source, flags=re.MULTILINE
    )


def found_in(path):
    if path.suffix == ".py":
        return found_in_python(path.read_text(encoding="utf-8"))
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        code = [python_of(cell) for cell in cells if cell.cell_type == "code"]
        return set().union(*map(found_in_python, code))
    is_text = path.suffix in TEXTS and "data" not in path.relative_to(ROOT).parts[:1]
    return found_in_text(path.read_text(encoding="utf-8", errors="replace")) if is_text else set()


def test_nothing_is_done_that_the_page_says_is_not_done():
    found = {
        (path.relative_to(ROOT).as_posix(), what)
        for path in files()
        if path.relative_to(ROOT).as_posix() != HERE
        for what in found_in(path)
    }
    assert sorted(found - set(ALLOWED)) == []
    assert sorted(set(ALLOWED) - found) == [], "no longer needed"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", {"pickle"}),
        ("from joblib import load", {"pickle"}),
        ("import numpy, dill as d", {"pickle"}),
        ("np.load(path, allow_pickle=True)", {"allow_pickle"}),
        ("np.load(path, allow_pickle=maybe)", {"allow_pickle"}),
        ("np.load(path)\nnp.load(path, allow_pickle=False)", set()),
        ("pd.read_pickle(path)", {"pickle"}),
        ("exec(text)", {"exec"}),
        ("x = eval(text)\nloss.eval({w: 5})\nmodel.exec(1)", {"eval"}),
        ("importlib.util.x.loader.exec_module(m)", {"exec"}),
        ("keras.models.load_model(p, safe_mode=False)", {"safe_mode"}),
        ("keras.config.enable_unsafe_deserialization()", {"safe_mode=False"}),
        ("keras.models.load_model(p)", set()),
        ("requests.get(url, verify=False)", {"verify"}),
        ("ssl._create_unverified_context()", {"verify=False"}),
        ("context.check_hostname = False", {"check_hostname"}),
        ("subprocess.run(line, shell=True)", {"shell"}),
        ("subprocess.run(words)", set()),
        ("os.system('x')", {"os.system"}),
        ("tarfile.open(f).extractall(to)", {"extractall"}),
        ("tarfile.open(f).extractall(to, filter='data')", set()),
        ("run('import x; exec(x)')", {"exec"}),
        ("'''exec(text) is not done here'''", set()),
        ("lab(['--IdentityProvider.token='])", {"no token"}),
        ("lab(['--ServerApp.password=', '--ip=0.0.0.0'])", {"no token", "open server"}),
        ("ThreadingHTTPServer(('', 0), Handler)", {"open server"}),
        ("sock.bind(('0.0.0.0', 80))", {"open server"}),
        ("ThreadingHTTPServer(('127.0.0.1', 0), Handler)\nserver.bind(address)", set()),
        ("lab([f'--IdentityProvider.token={TOKEN}'])", set()),
        ("_ = '!curl https://a.b/c.sh | sh'", {"downloaded script"}),
    ],
)
def test_the_scan_sees_it(source, found):
    assert found_in_python(source) == found


def test_the_scan_reads_cells_with_commands():
    cell = nbformat.v4.new_code_cell(
        "if x:\n    !wget -q https://a.b/c.sh | bash\n%pip install jax"
    )
    assert found_in_python(python_of(cell)) == {"downloaded script"}


def test_a_saved_model_cannot_bring_code_of_its_own():
    """Keras's safe_mode is on, on both engines: what holds a lambda is refused."""
    program = (
        "import sys, tempfile, keras\n"
        "net = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(lambda x: x)])\n"
        "path = tempfile.mkdtemp() + '/net.keras'\n"
        "net.save(path)\n"
        "try:\n"
        "    keras.models.load_model(path)\n"
        "except ValueError as error:\n"
        "    print('lambda' in str(error).lower())\n"
    )
    engines = {
        "theano": "import keras_theano\n",
        "tensorflow": "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'\n",
    }
    printed = run_programs({name: line + program for name, line in engines.items()})
    assert {name: text.strip() for name, text in printed.items()} == dict.fromkeys(engines, "True")


def test_every_package_is_pinned_with_its_hash():
    for lock in sorted(ROOT.glob("requirements*.lock")):
        pins = [
            pin
            for pin in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
            if not pin.startswith("#") and pin.strip()
        ]
        assert pins and all("--hash=sha256:" in pin for pin in pins), lock.name


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:utils|tools|data|tests)/[\w./]+)`", PAGE)))
)
def test_the_page_names_what_exists(path):
    assert (ROOT / path).exists()


def test_addresses_in_the_code_are_secure():
    """What our own code fetches, it fetches by https."""
    plain = {
        (path.relative_to(ROOT).as_posix(), url)
        for path in files()
        if path.suffix == ".py" and Path("tests") not in path.relative_to(ROOT).parents
        for url in re.findall(r"[\"'](http://[^\"'{ ]+)", path.read_text(encoding="utf-8"))
    }
    # The name of an XML vocabulary is no address; what stays on this machine needs no secret.
    assert {url for _, url in plain} <= {"http://projectmallard.org/1.0/", "http://127.0.0.1:"}
