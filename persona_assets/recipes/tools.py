"""Tools: the interface that a persona needs, and the code of one. The code is read, never run."""

import ast
import builtins
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]

INTERFACE_FIELDS = ("name", "description", "function_name", "input_args", "return", "depend")
"""The six fields of a released tool of Persona Hub."""

_JSON_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object",
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "array",
    "object": "object", "date": "string", "datetime": "string", "bytes": "string", "path": "string",
}  # fmt: skip
_PACKAGE = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]*$")
_FORBIDDEN = {"eval", "exec", "compile", "__import__"}


def find_interface_flaw(interface: Row) -> str | None:
    """Say what is wrong with the six fields of an interface.

    Args:
        interface: name, description, function_name, input_args (name, type, description of each), return (type,
            description) and depend.

    Returns:
        A word for the accounting with a colon and the detail, or None.
    """
    function, names = str(interface["function_name"]), [str(one["name"]) for one in interface["input_args"]]
    if not _is_identifier(function):
        return f"bad_name: {function}"
    bad = [name for name in names if not _is_identifier(name) or name == function]
    if bad or len(set(names)) < len(names):
        return f"bad_arguments: {', '.join(bad or names)}"
    types = [str(one["type"]) for one in (*interface["input_args"], interface["return"])]
    unknown = [kind for kind in types if json_type(kind) is None]
    if unknown:
        return f"unknown_type: {', '.join(unknown)}"
    packages = [_plain(str(package)) for package in interface["depend"]]
    strange = [one for one in packages if not _PACKAGE.match(one) or one in {"python", function, *names}]
    if strange or len(set(packages)) < len(packages):
        return f"bad_dependency: {', '.join(strange or packages)}"
    return None


def json_type(kind: str) -> str | None:
    """The JSON type of a Python type as a model writes it ("List[str]", "Optional[int]"), or None."""
    plain = kind.strip().casefold()
    inner = re.fullmatch(r"optional\[(.*)\]", plain)
    return _JSON_TYPES.get(re.split(r"[\[(<]", inner[1] if inner else plain)[0].strip())


def describe_function(interface: Row) -> dict[str, Any]:
    """The interface as an OpenAI function-calling schema."""
    properties = {
        str(one["name"]): {"type": json_type(str(one["type"])), "description": one["description"]}
        for one in interface["input_args"]
    }
    for one in properties.values():
        if one["type"] == "array":
            one["items"] = {}
    return {
        "type": "function",
        "function": {
            "name": interface["function_name"],
            "description": interface["description"],
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


def find_code_flaw(code: str, interface: Row) -> str | None:
    """Say why a tool's code does not do for its interface, without running it.

    It must parse and compile, define the function at top level with exactly the declared arguments, name nothing
    that is not there (by pyflakes), import only the standard library and what the interface depends on, and do
    something other than `pass`.

    Args:
        code: Python, untrusted.
        interface: the six fields.

    Returns:
        A word for the accounting with a colon and the detail, or None.
    """
    try:
        tree = ast.parse(code)
        compile(tree, "tool", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"does_not_parse: {error}"
    function = next(
        (node for node in tree.body if isinstance(node, _FUNCTIONS) and node.name == interface["function_name"]), None
    )
    if function is None:
        return f"no_function: {interface['function_name']}"
    return (
        _find_argument_flaw(function, [str(one["name"]) for one in interface["input_args"]])
        or _find_import_flaw(tree, [str(package) for package in interface["depend"]])
        or _find_empty(function)
        or _find_lint(tree)
    )


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


def _find_argument_flaw(function: ast.FunctionDef | ast.AsyncFunctionDef, wanted: list[str]) -> str | None:
    arguments = function.args
    found = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if found != wanted:
        return f"other_arguments: {', '.join(found) or 'none'} in place of {', '.join(wanted) or 'none'}"
    return None


def _find_import_flaw(tree: ast.Module, depend: list[str]) -> str | None:
    allowed = {_plain(package) for package in depend} | {_plain(_MODULES.get(_plain(one), one)) for one in depend}
    unknown = sorted(
        {name for name in _imports(tree) if name not in sys.stdlib_module_names and _plain(name) not in allowed}
    )
    return f"undeclared_import: {', '.join(unknown)}" if unknown else None


_MODULES = {
    "beautifulsoup4": "bs4", "pillow": "PIL", "scikit_learn": "sklearn", "pyyaml": "yaml", "opencv_python": "cv2",
    "python_dateutil": "dateutil", "pyserial": "serial", "python_docx": "docx", "google_cloud_storage": "google",
}  # fmt: skip
"""Modules whose packages have another name."""


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]


def _find_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    body = [node for node in function.body if not isinstance(node, ast.Pass) and not _is_constant(node)]
    is_stub = len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplemented" in ast.dump(body[0])
    return "empty_function" if not body or is_stub else None


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _find_lint(tree: ast.Module) -> str | None:
    from pyflakes.checker import Checker
    from pyflakes.messages import ImportStarUsed, UndefinedLocal, UndefinedName

    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if names & _FORBIDDEN & set(dir(builtins)):
        return f"runs_text: {', '.join(sorted(names & _FORBIDDEN))}"
    problems = [
        str(one)
        for one in Checker(tree, "tool").messages
        if isinstance(one, UndefinedName | UndefinedLocal | ImportStarUsed)
    ]
    return f"lint: {problems[0]}" if problems else None


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").split("[")[0]
