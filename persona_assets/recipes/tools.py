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

EXAMPLE_FIELDS = ("example_call", "example_result")
"""What an interface may show beside them."""

_JSON_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object",
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "array": "array",
    "object": "object", "date": "string", "datetime": "string", "bytes": "string", "path": "string",
}  # fmt: skip
_GENERIC = re.compile(r"^(\w+)\s*(?:\[(.*)\])?$", re.DOTALL)
_PACKAGE = re.compile(r"^[A-Za-z][A-Za-z0-9_.-]*$")
_FORBIDDEN = {"eval", "exec", "compile", "__import__"}


def find_interface_flaw(interface: Row) -> str | None:
    """Say what is wrong with the fields of an interface.

    Args:
        interface: name, description, function_name, input_args (name, type, description of each), return (type,
            description) and depend.
    """
    function, names = str(interface["function_name"]), [str(one["name"]) for one in interface["input_args"]]
    if not _is_identifier(function):
        return f"the function's name is {function}"
    bad = [name for name in names if not _is_identifier(name) or name == function]
    if bad or len(set(names)) < len(names):
        return f"the arguments' names are {', '.join(bad or names)}"
    types = [str(one["type"]) for one in (*interface["input_args"], interface["return"])]
    unknown = [kind for kind in types if describe_type(kind) is None]
    if unknown:
        return f"unknown types: {', '.join(unknown)}"
    packages = [_plain(str(package)) for package in interface["depend"]]
    strange = [one for one in packages if not _PACKAGE.match(one) or one in {"python", function, *names}]
    if strange or len(set(packages)) < len(packages):
        return f"it depends on {', '.join(strange or packages)}"
    return None


def describe_type(kind: str) -> dict[str, Any] | None:
    """The JSON schema of a Python type as a model writes it ("list[str]", "Optional[int]"), or None."""
    found = _GENERIC.match(kind.strip().casefold())
    if not found:
        return None
    if found[1] == "optional":
        return describe_type(found[2] or "")
    name = _JSON_TYPES.get(found[1])
    if name == "array":
        return {"type": name, "items": describe_type(found[2] or "") or {}}
    return {"type": name} if name else None


def describe_function(interface: Row) -> dict[str, Any]:
    """The interface as an OpenAI function-calling schema; what comes back stands in the description."""
    properties = {
        str(one["name"]): {**(describe_type(str(one["type"])) or {}), "description": one["description"]}
        for one in interface["input_args"]
    }
    return {
        "type": "function",
        "function": {
            "name": interface["function_name"],
            "description": f"{interface['description']} Returns: {interface['return']['description']}",
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


def find_broken_code(code: str, interface: Row) -> str | None:
    """Say why code is none for its interface, without running it.

    It must parse and compile, and define the function at top level with the declared arguments; what it takes
    beside them has defaults.

    Args:
        code: Python, untrusted.
    """
    try:
        tree = ast.parse(code)
        compile(tree, "tool", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"it does not parse: {error}"
    function = _find_function(tree, interface)
    if function is None:
        return f"there is no function {interface['function_name']}"
    return _find_argument_flaw(function.args, [str(one["name"]) for one in interface["input_args"]])


def find_lint(code: str, interface: Row) -> str | None:
    """Say what code that parses uses and does not have, or that it does nothing.

    It imports only the standard library and what the interface depends on, names nothing that is not there (by
    pyflakes), runs no text as code, and does something other than `pass`.

    Args:
        code: Python, untrusted.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    function = _find_function(tree, interface)
    return (
        _find_import_flaw(tree, [str(package) for package in interface["depend"]])
        or (_find_empty(function) if function else None)
        or _find_undefined(tree)
    )


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _is_identifier(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


def _find_function(tree: ast.Module, interface: Row) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    name = interface["function_name"]
    return next((node for node in tree.body if isinstance(node, _FUNCTIONS) and node.name == name), None)


def _find_argument_flaw(arguments: ast.arguments, wanted: list[str]) -> str | None:
    positional = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    required = positional[: len(positional) - len(arguments.defaults)]
    required += [
        one.arg for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default
    ]
    found = [*positional, *(one.arg for one in arguments.kwonlyargs)]
    if found[: len(wanted)] != wanted or not set(required) <= set(wanted):
        return f"its arguments are {', '.join(found) or 'none'} in place of {', '.join(wanted) or 'none'}"
    return None


def _find_import_flaw(tree: ast.Module, depend: list[str]) -> str | None:
    allowed = {_plain(package) for package in depend} | {_plain(_MODULES.get(_plain(one), one)) for one in depend}
    unknown = sorted(
        {name for name in _imports(tree) if name not in sys.stdlib_module_names and _plain(name) not in allowed}
    )
    return f"it imports {', '.join(unknown)} without declaring it" if unknown else None


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
    return "the function is empty" if not body or is_stub else None


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _find_undefined(tree: ast.Module) -> str | None:
    from pyflakes.checker import Checker
    from pyflakes.messages import ImportStarUsed, UndefinedLocal, UndefinedName

    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if names & _FORBIDDEN & set(dir(builtins)):
        return f"it runs text by {', '.join(sorted(names & _FORBIDDEN))}"
    problems = [
        str(one)
        for one in Checker(tree, "tool").messages
        if isinstance(one, UndefinedName | UndefinedLocal | ImportStarUsed)
    ]
    return problems[0] if problems else None


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").split("[")[0]
