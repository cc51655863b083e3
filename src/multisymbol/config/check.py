"""Checking a configuration: every unknown, missing or wrongly typed key, all at once.

The signature of what a `_target_` names is the schema: there is no second one to keep. Signatures are read from the
source text without importing it, so that a typo is answered before torch or Lightning are loaded.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from multisymbol.config.names import ROLES, current_form, registered
from multisymbol.config.trust import Problem, config_problems, is_trusted, node_problems, source_file, trust_problems
from multisymbol.errors import ConfigError, nearest

__all__ = ["Problem", "check", "report"]

_COMPLETED_WITH = {"model": "shape", "loss": "class_counts"}
"""Key of a class that a run completes -> the argument it gives."""
_RESERVED = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parameter:
    annotation: ast.expr | None
    required: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Signature:
    """Parameters of a function, or of a class's constructor, and the module that explains its annotations."""

    module: str
    parameters: Mapping[str, _Parameter]
    open_ended: bool


IN_QUOTES = "put it in quotes as it is written: YAML reads NO, 600519 and 1E5 as values"
"""The cure where a file meant text."""
_KEY_IN_QUOTES = f"{IN_QUOTES}; on the command line make it part of the key: KEY.600519=VALUE"


def check(config: Mapping[str, Any], *, schema: str) -> list[Problem]:
    """Judge the classes a plain, resolved configuration names, and compare it with the signatures behind them.

    `schema` is the dotted name of the dataclass that lists the top level's keys, or of the class a single node names.

    Returns:
        Every class that may not be named, then every unknown, missing or wrongly typed key, in the order of the
        configuration.
    """
    present = current_form(config)
    refused = _refused(present, schema=schema)
    heads = tuple(problem.path.removesuffix("_target_") for problem in refused if problem.path.endswith("_target_"))
    found = _check_node(present, target=schema, path="", partial=bool(present.get("_partial_", False)))
    own = [] if refused else list(_without_what_the_run_gives(present))
    return [*refused, *own, *(problem for problem in found if not heads or not problem.path.startswith(heads))]


def _without_what_the_run_gives(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Name the user's own classes that do not take what a run completes them with."""
    for key, argument in _COMPLETED_WITH.items():
        node = config.get(key)
        target = str(node.get("_target_")) if isinstance(node, Mapping) else ""
        signature = _signature(target) if is_trusted(target) else None
        takes_it = signature is None or signature.open_ended or argument in signature.parameters
        if node and node.get("_partial_") and not takes_it:
            yield Problem(path=f"{key}._target_", text=f"'{target}' takes no `{argument}`, which the run gives it")


def _refused(config: Mapping[str, Any], *, schema: str) -> list[Problem]:
    role = next((role for role in ROLES if registered(schema).partition(":")[0] == role), None)
    if role is not None:
        return list(node_problems(config, role=role))
    return [*trust_problems(config.get("trust") or []), *config_problems(config)]


def report(problems: Sequence[Problem], *, origin: Callable[[str], str] | None = None) -> ConfigError:
    """Put all problems into one error, each with the file or command line it comes from."""
    sources = [origin(problem.path) if origin else "" for problem in problems]
    heads = [": ".join(filter(None, (source, each.path))) for source, each in zip(sources, problems, strict=True)]
    width = min(max(map(len, heads)), 70)
    lines = [f"  {head:<{width}}   {problem.text}" for head, problem in zip(heads, problems, strict=True)]
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError("\n".join([f"The configuration has {count}; nothing was started.", *lines]))


def _check_node(node: Mapping[str, Any], *, target: str, path: str, partial: bool) -> Iterator[Problem]:
    signature = _signature(target)
    if signature is None:
        yield Problem(path=f"{path}_target_", text=f"there is no '{target}'; write package.module.Name")
        return
    for key, value in node.items():
        if key in _RESERVED:
            continue
        parameter = signature.parameters.get(str(key))
        if parameter is not None:
            yield from _check_value(
                value, annotation=parameter.annotation, module=signature.module, path=f"{path}{key}"
            )
        elif not signature.open_ended:
            yield Problem(path=f"{path}{key}", text="unknown key" + nearest(str(key), list(signature.parameters)))
    if not partial:
        for name, parameter in signature.parameters.items():
            if parameter.required and name not in node:
                yield Problem(path=f"{path}{name}", text="missing")


def _check_value(value: Any, *, annotation: ast.expr | None, module: str, path: str) -> Iterator[Problem]:
    if value == "???":
        yield Problem(path=path, text="missing: it has no default, give it a value")
    elif isinstance(value, Mapping) and "_target_" in value:
        yield from _check_node(
            value, target=str(value["_target_"]), path=f"{path}.", partial=bool(value.get("_partial_", False))
        )
    elif (schema := _schema_class(annotation, module)) is not None and isinstance(value, Mapping):
        yield from _check_node(value, target=schema, path=f"{path}.", partial=False)
    elif (item := _item_annotation(annotation)) is not None and isinstance(value, Mapping):
        for key, entry in value.items():
            if not isinstance(key, str):
                yield Problem(path=path, text=f"a key is text, got {key!r}; {_KEY_IN_QUOTES}")
            yield from _check_value(entry, annotation=item, module=module, path=f"{path}.{key}")
    elif (text := _type_problem(value, annotation)) is not None:
        yield Problem(path=path, text=text)


def _schema_class(annotation: ast.expr | None, module: str) -> str | None:
    """Return the dotted name of the dataclass of this package that an annotation names, if it names one."""
    if not isinstance(annotation, ast.Name) or not module.startswith("multisymbol."):
        return None
    found = _find(module, annotation.id)
    return f"{found[0]}.{annotation.id}" if found and isinstance(found[1], ast.ClassDef) else None


def _item_annotation(annotation: ast.expr | None) -> ast.expr | None:
    """Return V of `dict[str, V]` or `Mapping[str, V]`."""
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        if annotation.value.id in {"dict", "Mapping"} and len(parts) == 2:
            return parts[1]
    return None


class _NoValue:
    """Stands for a type that no value of a configuration has, such as a tensor."""


class _Types(dict[str, Any]):
    """Names an annotation may use; an unknown one counts as Any."""

    def __missing__(self, name: str) -> Any:
        return Any


@cache
def _known_types() -> _Types:
    import builtins
    import collections.abc
    import typing

    import pydantic

    names = {
        builtins: ("int", "float", "str", "list", "tuple", "dict", "set"),
        collections.abc: ("Sequence", "Mapping", "Iterable"),
        typing: ("Optional", "Union", "Literal", "Any", "Annotated"),
        pydantic: ("PositiveInt", "NonNegativeInt", "PositiveFloat", "NonNegativeFloat"),
    }
    known = {name: getattr(module, name) for module, words in names.items() for name in words}
    return _Types(known | {"List": list, "Dict": dict, "Tuple": tuple, "bool": pydantic.StrictBool, "Tensor": _NoValue})


def _type_problem(value: Any, annotation: ast.expr | None) -> str | None:
    """Say what an annotation finds wrong with a value, or None; an annotation it cannot read finds nothing."""
    import pydantic

    if annotation is None:
        return None
    try:
        code = compile(ast.Expression(annotation), "<annotation>", "eval")
        expected = eval(code, {"__builtins__": {}}, _known_types())
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(expected, config={"arbitrary_types_allowed": True})
    except (TypeError, AttributeError, NameError, pydantic.PydanticUserError):
        return None
    try:
        adapter.validate_python(value)
    except pydantic.ValidationError as error:
        first, given = error.errors()[0], "nothing (null)" if value is None else repr(value)
        hint = ""
        if first["type"] == "literal_error":
            words = str(first["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            hint = nearest(str(value), [word for word in words if word])
        if any(each["type"] == "string_type" for each in error.errors()) and value is not None:
            hint = f"; {_KEY_IN_QUOTES if isinstance(value, Mapping) else IN_QUOTES}"
        return f"{first['msg'].replace('Input should be', 'expected').split(', unable')[0]}, got {given}{hint}"
    return None


def _signature(target: str) -> _Signature | None:
    """Read the signature of `package.module.Name` from its source."""
    return _read_signature(target) if is_trusted(target) else _kept_signature(target)


def _read_signature(target: str) -> _Signature | None:
    module, _, name = target.rpartition(".")
    found = _find(module, name) if module else None
    if found is None:
        return None
    home, definition = found
    if isinstance(definition, ast.ClassDef):
        return _class_signature(home, definition)
    return _function_signature(home, definition, skip_self=False)


_kept_signature = cache(_read_signature)


def _class_signature(module: str, definition: ast.ClassDef) -> _Signature:
    if any("dataclass" in ast.unparse(decorator) for decorator in definition.decorator_list):
        parameters = {
            # A key that is a word of Python's has an underscore after it in the signature.
            item.target.id.rstrip("_"): _Parameter(annotation=item.annotation, required=item.value is None)
            for item in definition.body
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and "ClassVar" not in ast.unparse(item.annotation)
        }
        inherited = _base_signature(module, definition).parameters
        return _Signature(module=module, parameters={**inherited, **parameters}, open_ended=False)
    for item in definition.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return _function_signature(module, item, skip_self=True)
    return _base_signature(module, definition)


def _base_signature(module: str, definition: ast.ClassDef) -> _Signature:
    """Read the signature of the first base whose source is found; anything may be given where none is."""
    for base in definition.bases:
        found = _find(module, base.id) if isinstance(base, ast.Name) else None
        if found and isinstance(found[1], ast.ClassDef):
            return _class_signature(found[0], found[1])
    return _Signature(module=module, parameters={}, open_ended=bool(definition.bases))


def _function_signature(module: str, definition: ast.FunctionDef, *, skip_self: bool) -> _Signature:
    arguments = definition.args
    positional = (arguments.posonlyargs + arguments.args)[1 if skip_self else 0 :]
    without_default = len(positional) - len(arguments.defaults)
    required = [place < without_default for place in range(len(positional))]
    required += [default is None for default in arguments.kw_defaults]
    named = zip([*positional, *arguments.kwonlyargs], required, strict=True)
    parameters = {item.arg: _Parameter(annotation=_annotation(item), required=needed) for item, needed in named}
    return _Signature(module=module, parameters=parameters, open_ended=arguments.kwarg is not None)


def _annotation(argument: ast.arg) -> ast.expr | None:
    if isinstance(argument.annotation, ast.Constant) and isinstance(argument.annotation.value, str):
        return ast.parse(argument.annotation.value, mode="eval").body
    return argument.annotation


def _find(module: str, name: str) -> tuple[str, ast.ClassDef | ast.FunctionDef] | None:
    """Find where `name` is defined, following `from x import name`; returns that module and the definition."""
    tree = _source(module)
    if tree is None:
        return None
    for item in tree.body:
        if isinstance(item, ast.ClassDef | ast.FunctionDef) and item.name == name:
            return module, item
    for item in tree.body:
        for alias in item.names if isinstance(item, ast.ImportFrom) else ():
            if (alias.asname or alias.name) == name and isinstance(item, ast.ImportFrom):
                parent = module.split(".")[: -item.level] if item.level else []
                return _find(".".join(filter(None, [*parent, item.module])), alias.name)
    return None


def _source(module: str) -> ast.Module | None:
    """Parse the source of a module without importing it or its parents."""
    file = source_file(module)
    return None if file is None else _parsed(file, file.stat().st_mtime_ns)


@cache
def _parsed(file: Path, written: int) -> ast.Module:
    del written  # part of the key: the user's own file may change while a notebook is open
    return ast.parse(file.read_text(encoding="utf-8"))
