"""The shape of the project: rooms and their order, sizes, what lies at the top, notebooks."""

import ast
import csv
import importlib
import inspect
import json
from functools import cache
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString

import giblet_core

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "giblet_core"
ROOMS = list(giblet_core.ROOMS)
TOP = {
    "README.md",
    "LICENSE",
    "CITATION.cff",
    "CHANGELOG.md",
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "requirements-metrics.lock",
    "environment.yml",
    "_config.yml",
    "book",
    "notebooks",
    "giblet_core",
    "tests",
    ".ci",
    ".gitignore",
    ".gitattributes",
}
IGNORED = {
    ".git",
    ".venv",
    "build",
    ".pytest_cache",
    ".ruff_cache",
    "giblet_book.egg-info",
    "__pycache__",
    ".ipynb_checkpoints",
    ".hypothesis",
    "dataset.yaml",  # of a user, who may keep it here
}
FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if "assets" not in path.parts and path.name not in ("__init__.py", "__main__.py")
)
FOLDERS = sorted({path.parent for path in FILES} - {PACKAGE})
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_FILES_A_ROOM = 8
EACH_ROOM = pytest.mark.parametrize("room", ROOMS)


@cache
def tree_of(path):
    """Parse a file, once for all tests."""
    return ast.parse(path.read_text())


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def name_of(path):
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Yield (module, name) of everything that a file imports from the package."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("giblet_core"):
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("giblet_core."):
                    yield alias.name, None


def faults_of(room, check):
    """Return what a check of single files finds wrong in a room: file -> faults."""
    of_files = {name_of(path): list(check(path)) for path in FILES if room_of(path) == room}
    return {name: faults for name, faults in of_files.items() if faults}


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


# --- rooms ---------------------------------------------------------------------------------


def test_every_file_lies_in_a_room_of_the_list():
    assert {room_of(path) for path in FILES} == set(ROOMS)


def rooms_entered(path):
    """Yield (module, room, name) of what a file imports from other rooms."""
    for module, name in imports_of(path):
        room = module.split(".")[1] if "." in module else ""
        if room not in ("", room_of(path)):
            yield module, room, name


def imports_of_later_rooms(path):
    place = ROOMS.index(room_of(path))
    return [module for module, room, _ in rooms_entered(path) if ROOMS.index(room) > place]


@EACH_ROOM
def test_a_room_imports_only_rooms_before_it(room):
    assert faults_of(room, imports_of_later_rooms) == {}


def imports_past_the_door(path):
    for module, room, name in rooms_entered(path):
        if (PACKAGE / f"{room}.py").is_file():
            continue
        door = importlib.import_module(module)
        if not hasattr(door, "__path__") or name not in door.__all__:
            yield module, name


@EACH_ROOM
def test_other_rooms_are_entered_by_their_door(room):
    """What another room gives is imported from the room, not from a file in it."""
    assert faults_of(room, imports_past_the_door) == {}


def imports_of_private_names(path):
    return [(module, name) for module, name in imports_of(path) if (name or "").startswith("_")]


@EACH_ROOM
def test_private_names_stay_in_their_file(room):
    assert faults_of(room, imports_of_private_names) == {}


@cache
def private_attributes(folder):
    """Return the private attributes and methods that the files of a room define."""
    defined = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                defined.add(node.attr)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                defined.add(node.target.id)
    return defined


def private_parts_touched(path):
    room = path.parent if path.parent != PACKAGE else path.parent / room_of(path)
    own = private_attributes(room) | {node.name for node in functions_of(tree_of(path))}
    return [
        (node.lineno, node.attr)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own
    ]


@EACH_ROOM
def test_nobody_touches_private_parts_of_another_room(room):
    assert faults_of(room, private_parts_touched) == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_files_of_a_room_import_each_other_without_cycles(folder):
    needs = {
        dotted(path): {
            found
            for module, name in imports_of(path)
            for found in (module, f"{module}.{name}")
            if found.startswith(dotted(folder) + ".")
        }
        for path in folder.glob("*.py")
        if path.name != "__init__.py"
    }
    while ready := [name for name, others in needs.items() if not others & set(needs)]:
        for name in ready:
            del needs[name]
    assert needs == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_room_is_small_and_introduced(folder):
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES_A_ROOM
    introduction = importlib.import_module(dotted(folder)).__doc__
    assert introduction.count(".") >= 3, "a room says what it holds, how to read it, its promise"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_no_public_name_of_a_room_is_that_of_a_file_in_it(folder):
    """Importing the file would put the module in the place of the name."""
    door = importlib.import_module(dotted(folder))
    files = {path.stem for path in folder.glob("*.py")} | {p.name for p in folder.iterdir()}
    exposed = [name for name in door.__all__ if not inspect.ismodule(getattr(door, name))]
    assert files & set(exposed) == set()


def tree_of_rooms():
    width = max(len(room) for room in ROOMS) + 4
    lines = []
    for room, purpose in giblet_core.ROOMS.items():
        name = f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"
        lines.append(f"{name:<{width}}{purpose}")
    return "\n".join(lines)


@pytest.mark.parametrize("page", ["README.md", "book/architecture.md"])
def test_pages_show_the_rooms_as_they_are(page):
    assert tree_of_rooms() in (ROOT / page).read_text(), "paste this:\n" + tree_of_rooms()


# --- shape of the code ---------------------------------------------------------------------


def lines_too_many(path):
    n_lines = len(path.read_text().splitlines())
    return [n_lines] if n_lines > LONGEST_FILE else []


@EACH_ROOM
def test_a_file_stays_readable(room):
    assert faults_of(room, lines_too_many) == {}


def long_functions(path):
    """Yield functions that are long without their docstring."""
    for node in functions_of(tree_of(path)):
        size = node.end_lineno - node.lineno + 1
        if ast.get_docstring(node) is not None:
            size -= node.body[0].end_lineno - node.body[0].lineno + 1
        if size > LONGEST_FUNCTION:
            yield node.name, size


@EACH_ROOM
def test_a_function_stays_readable(room):
    assert faults_of(room, long_functions) == {}


def is_unpacked_literal(node):
    """``a, b = x, y`` packs unrelated things; ``a, b = b, a`` is a swap."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
        return False
    target = node.targets[0]
    if not isinstance(target, ast.Tuple):
        return False
    return {ast.unparse(e) for e in target.elts} != {ast.unparse(e) for e in node.value.elts}


FORBIDDEN_CALLS = {
    "property": "property(...) instead of a method",
    "signature": "behaviour read from a signature",
    "inspect.signature": "behaviour read from a signature",
    "globals": "behaviour read from globals()",
    "attrgetter": "attrgetter instead of a method",
}


def is_bound_lambda(node):
    assigned = isinstance(node, ast.Assign | ast.AnnAssign)
    return assigned and isinstance(node.value, ast.Lambda)


def has_walrus_argument(node):
    """A call in whose arguments a name is assigned."""
    if not isinstance(node, ast.Call):
        return False
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    parts = [part for argument in arguments for part in ast.walk(argument)]
    return any(isinstance(part, ast.NamedExpr) for part in parts)


def is_negated_floor_division(node):
    """``-(-x // y)``."""
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, ast.USub):
        return False
    return isinstance(node.operand, ast.BinOp) and isinstance(node.operand.op, ast.FloorDiv)


def golf_of(path):
    """Yield (line, what) of constructs that a reader must stop at."""
    for node in ast.walk(tree_of(path)):
        if is_unpacked_literal(node):
            yield node.lineno, "several assignments in one"
        elif is_bound_lambda(node):
            yield node.lineno, "a lambda bound to a name"
        elif has_walrus_argument(node):
            yield node.lineno, "a walrus inside a call"
        elif is_negated_floor_division(node):
            yield node.lineno, "-(-x // y) instead of math.ceil"
        elif isinstance(node, ast.Attribute) and node.attr == "__doc__":
            yield node.lineno, "behaviour read from __doc__"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS:
            yield node.lineno, FORBIDDEN_CALLS[ast.unparse(node.func)]


@EACH_ROOM
def test_code_is_not_golfed(room):
    assert faults_of(room, golf_of) == {}


def nested_functions(path):
    """Yield functions that are defined inside another one."""
    for function in functions_of(tree_of(path)):
        yield from (inner.name for inner in functions_of(function) if inner is not function)


@EACH_ROOM
def test_no_function_hides_inside_another(room):
    """But for decorators, which have to wrap what they are given."""
    if room != "deprecation":
        assert faults_of(room, nested_functions) == {}


def returned_tuples(path):
    """Yield functions that return more than two values side by side."""
    for function in functions_of(tree_of(path)):
        for node in ast.walk(function):
            is_tuple = isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple)
            if is_tuple and len(node.value.elts) > 2:
                yield node.lineno, function.name


@EACH_ROOM
def test_more_than_two_values_are_returned_as_a_dataclass(room):
    assert faults_of(room, returned_tuples) == {}


def undocumented_parameters(path):
    """Yield public functions of three or more parameters that do not say what each is."""
    tree = tree_of(path)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner in [tree, *(c for c in classes if not c.name.startswith("_"))]:
        for node in [n for n in owner.body if isinstance(n, ast.FunctionDef)]:
            names = [
                a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            ]
            names = [name for name in names if name not in ("self", "cls")]
            if node.name.startswith("_") or len(names) < 3:
                continue
            parsed = NumpyDocString(inspect.cleandoc(ast.get_docstring(node) or ""))
            documented = [n.strip(" *") for p in parsed["Parameters"] for n in p.name.split(",")]
            missing = [name for name in names if name not in documented]
            unknown = [
                name
                for name in documented
                if name not in names
                and name
                not in (getattr(node.args.vararg, "arg", ""), getattr(node.args.kwarg, "arg", ""))
            ]
            if missing or unknown:
                yield node.name, "missing", missing, "unknown", unknown
            returns = ast.unparse(node.returns) if node.returns else ""
            if returns not in ("", "None") and not (parsed["Returns"] or parsed["Yields"]):
                yield node.name, "says nothing of what it returns"


@EACH_ROOM
def test_public_functions_of_three_or_more_parameters_document_each(room):
    assert faults_of(room, undocumented_parameters) == {}


# --- the project's files -------------------------------------------------------------------


def test_nothing_stray_lies_at_the_top():
    assert {path.name for path in ROOT.iterdir()} - IGNORED - TOP == set()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_calls_the_module_and_defines_nothing(path):
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            nodes = list(ast.walk(ast.parse(source)))
            defined = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)]
            assert not defined, f"cell {number} defines {defined[0].name}"
            assert "sys.path" not in source, f"cell {number} changes sys.path"
            assert "filterwarnings" not in source, f"cell {number} silences warnings"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_of_a_notebook_are_short(path):
    """Counted in statements and lines, as the formatter spreads calls over lines."""
    cells = json.loads(path.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for source in sources:
        assert len(source.splitlines()) <= 40, source
        assert len(ast.parse(source).body) <= 16, source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_keeps_no_outputs_but_the_checked_ones(path):
    for number, cell in enumerate(json.loads(path.read_text())["cells"]):
        if cell.get("outputs"):
            tags = set(cell["metadata"].get("tags", []))
            assert {"nbval-check-output", "keep_output"} <= tags, f"cell {number} stores an output"


TEXT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".ipynb", ".cff", ".lock", ".js", ".html"}


def texts():
    """Return all texts of the project; what is ignored (.venv, build) is not looked through."""
    places = [path for path in sorted(ROOT.iterdir()) if path.name not in IGNORED]
    files = [path for path in places if path.is_file()]
    for folder in (path for path in places if path.is_dir()):
        files += sorted(folder.rglob("*"))
    return [
        path
        for path in files
        if path.suffix in TEXT_SUFFIXES and not IGNORED & set(path.relative_to(ROOT).parts)
    ]


def test_no_text_holds_a_path_of_one_machine():
    places = ("/" + "home/", "/" + "Users/", "/" + "root/", "/" + "work/")
    found = {}
    for path in texts():
        text = path.read_text(encoding="utf-8")
        named = [place for place in places if place in text]
        if named:
            found[path.relative_to(ROOT).as_posix()] = named
    assert found == {}


def test_the_checklist_names_only_evidence_that_exists():
    text = (ROOT / "book" / "checklist.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["status"] for row in rows} <= {"done", "partial", "open"}
    named = [row["evidence"] for row in rows if row["status"] == "done"]
    assert [name for name in named if not (ROOT / name).is_file()] == []
