"""archcalc as people get it: from a checkout, an editable install and a wheel; and what each import costs.

There is no __init__.py beside this file: a package of tests called `packaging` would hide the library of that name.
"""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "specs").glob("*.yaml"))
# Everything that a terminal is not needed for.
STATIC = (
    "list",
    *(f"{command} resnet18" for command in ("summary", "shapes", "params", "macs", "memory", "rf", "check", "explain")),
    "params resnet18 --per-layer",
    "summary resnet18 --format json",
    "summary resnet18 --format csv",
    "explain resnet18 stage0.0.conv1.conv",
    "schema",
    "completion bash",
    "--help",
    "summary --help",
    "summary nosuch",
)


def call(*command: str | Path, cwd: Path | None = None, code: int = 0, **changes: str) -> str:
    """The output of a program that sees nothing of this checkout unless told to."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd or Path("/"),
        env={**env, "PYTHONDONTWRITEBYTECODE": "1", **changes},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done
    return done.stdout


def check_works(*archcalc: str | Path, cwd: Path | None = None, **changes: str) -> None:
    """The zoo is there, and networks of it are counted."""
    assert call(*archcalc, "list", "--names", cwd=cwd, **changes).split() == NAMES
    assert "138,357,544" in call(*archcalc, "params", "vgg16", cwd=cwd, **changes)
    call(*archcalc, "check", *NAMES, cwd=cwd, **changes)
    page = call(*archcalc, "report", "alexnet", "-o", "/dev/stdout", cwd=cwd, **changes)
    assert "class LayerTable" in page  # the parts of the page come with the package


def check_weights(python: str | Path, cwd: Path | None = None, **changes: str) -> None:
    """Weights lie beside the spec that names them, wherever it was found."""
    code = "import archcalc, numpy; w = numpy.load(archcalc.load('lenet5_digits').spec.weights); print(len(w.files))"
    assert call(python, "-c", code, cwd=cwd, **changes) == "10\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree without what git and tools have made of it: building leaves its traces there."""
    made = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")

    def unwanted(folder: str, names: list[str]) -> set[str]:
        # What was built lies at the root; archcalc/builder is a room of ours.
        return made(folder, names) | ({"build", "dist"} if Path(folder) == ROOT else set())

    return Path(shutil.copytree(ROOT, tmp_path / "tree", ignore=unwanted))


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that sees the libraries of this one behind its own."""
    place = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--without-pip", place)
    python = place / "bin" / "python"
    own = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(own) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def build_requirement() -> Requirement:
    """What pyproject.toml asks of whoever builds."""
    (wanted,) = re.findall(r'requires = \["([^"]+)"\]', (ROOT / "pyproject.toml").read_text())
    return Requirement(wanted)


def pip(*arguments: str | Path) -> None:
    """pip without dependencies; without a network, if the setuptools that is wanted is here."""
    try:
        here = build_requirement().specifier.contains(importlib.metadata.version("setuptools"))
    except importlib.metadata.PackageNotFoundError:
        here = False
    call(sys.executable, "-m", "pip", *arguments, "--no-deps", *(["--no-build-isolation"] if here else []))


def install(venv: Path, *what: str | Path) -> None:
    # This environment may hold an archcalc of its own, which the other one sees and would be content with.
    pip("--python", venv / "bin" / "python", "install", "--ignore-installed", *what)


def test_whoever_builds_is_asked_for_enough() -> None:
    """A license as a text (PEP 639) is understood from setuptools 77 on."""
    assert re.search(r'^license = "', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert not build_requirement().specifier.contains("76.1")


def test_checkout() -> None:
    """From the root of the repository, and from anywhere with PYTHONPATH."""
    archcalc = (sys.executable, "-m", "archcalc")
    check_works(*archcalc, cwd=ROOT)
    check_works(*archcalc, PYTHONPATH=str(ROOT))
    check_weights(sys.executable, cwd=ROOT)
    check_weights(sys.executable, PYTHONPATH=str(ROOT))
    assert re.match(r"archcalc [0-9]", call(*archcalc, "--version", PYTHONPATH=str(ROOT)))


def test_wheel(copy: Path, venv: Path, tmp_path: Path) -> None:
    """Every module, spec and file of weights, and the mark that we are typed; it works without the tree."""
    pip("wheel", copy, "-w", tmp_path)
    (wheel,) = tmp_path.glob("archcalc-*.whl")
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "archcalc").rglob("*.py")}
    specs = ROOT / "specs"
    shipped = {
        f"archcalc/specs/{path.relative_to(specs)}" for kind in ("yaml", "npz") for path in specs.rglob(f"*.{kind}")
    }
    pages = {f"archcalc/render/page/{path.name}" for path in (ROOT / "archcalc" / "render" / "page").iterdir()}
    assert files == modules | {"archcalc/py.typed"} | pages | shipped
    shutil.rmtree(copy)
    install(venv, wheel)
    check_installed(venv, venv)


def test_editable_install(copy: Path, venv: Path) -> None:
    """The specs of the tree are used, and a new one is there without a new install."""
    install(venv, "-e", copy)
    check_installed(venv, copy)
    shutil.copy(copy / "specs" / "lenet5.yaml", copy / "specs" / "a_new_one.yaml")
    assert "a_new_one" in call(venv / "bin" / "archcalc", "list", "--names").split()


def check_installed(venv: Path, home: Path) -> None:
    """Program and module work, say the version of the project, and are the ones that were installed at `home`."""
    python = venv / "bin" / "python"
    where = call(python, "-c", "import archcalc; print(archcalc.__file__)").strip()
    assert Path(where).is_relative_to(home)
    check_works(venv / "bin" / "archcalc")
    check_weights(python)
    assert "61,706" in call(python, "-m", "archcalc", "params", "lenet5")
    (version,) = re.findall(r'^__version__ = "(.+)"', (ROOT / "archcalc/__init__.py").read_text(), re.MULTILINE)
    assert call(venv / "bin" / "archcalc", "--version") == f"archcalc {version}\n"


def modules_of(code: str, *arguments: str) -> set[str]:
    """The top-level modules that a program has imported at its end; it may print what it likes."""
    end = "\nimport json; print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    printed = call(sys.executable, "-c", f"import sys\n{code}{end}", *arguments, PYTHONPATH=str(ROOT))
    return {*json.loads(printed.splitlines()[-1])}


def test_importing_archcalc_costs_next_to_nothing() -> None:
    """None of our libraries comes with it."""
    heavy = {"numpy", "sympy", "click", "rich", "tabulate", "yaml", "msgspec", "simpleeval"}
    assert modules_of("import archcalc") & heavy == set()


@pytest.mark.parametrize("command", STATIC)
def test_static_commands_import_no_more_than_they_need(command: str) -> None:
    """No arrays, no symbols; and, through a pipe, neither of the two libraries that draw tables."""
    code = "from archcalc.cli.main import run; run(sys.argv[1:])"
    assert modules_of(code, *command.split(" ")) & {"numpy", "sympy", "rich", "tabulate"} == set()


@pytest.mark.parametrize("kind", ["markdown", "latex", "html"])
def test_markup_needs_tabulate_only(kind: str) -> None:
    """Still no arrays: tables of numbers need none."""
    code = "from archcalc.cli.main import run; run(sys.argv[1:])"
    assert modules_of(code, "summary", "resnet18", "--format", kind) & {"numpy", "sympy", "rich"} == set()


def test_analyses_of_the_api_need_no_arrays() -> None:
    """The same for a program that uses archcalc as a library."""
    code = "import archcalc\nfound = archcalc.analyse('vgg16'); found.params, found.cost, found.memory, found.fields"
    assert modules_of(code) & {"numpy", "sympy", "click", "rich", "tabulate"} == set()


USES = ("archcalc.load('lenet5')", "archcalc.loads(TEXT)", "archcalc.analyse('lenet5')", "import archcalc.cli.tables")


@pytest.mark.parametrize("first", USES)
def test_names_of_the_api_stay_what_they_are(first: str) -> None:
    """Whatever was used before: a submodule that is imported must not take the place of a function."""
    code = "\n".join(
        (
            "import sys, archcalc",
            f"TEXT = open({str(ROOT / 'specs' / 'lenet5.yaml')!r}).read()",
            first,
            "assert archcalc.load('lenet5').spec.name == archcalc.loads(TEXT).spec.name == 'lenet5'",
            "assert archcalc.analyse(archcalc.load('lenet5')).params.params == 61706",
            "assert all(callable(getattr(archcalc, name)) for name in archcalc.__all__)",
        )
    )
    call(sys.executable, "-c", code, PYTHONPATH=str(ROOT))
