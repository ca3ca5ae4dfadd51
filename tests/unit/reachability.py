"""What of a package only its tests reach, read from its code without running it.

Code is reached from roots: what a module does when it is imported, and what a framework calls. A
name is followed to the definition it stands for. An attribute is followed to every method and
field of that name, as no types are known here. So what is said to be unreached is unreached, and
some that is unreached is not said to be.
"""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

#: Decorators that leave a function to be called by its name; any other hands it to a framework.
PLAIN = {
    "abstractmethod",
    "cache",
    "cached_property",
    "classmethod",
    "contextmanager",
    "dataclass",
    "lru_cache",
    "overload",
    "override",
    "property",
    "setter",
    "staticmethod",
    "total_ordering",
}
#: Calls that read an attribute by a name given as text.
BY_TEXT = {"getattr", "attrgetter", "methodcaller"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Unit:
    """A function, a class without its methods, a method, a constant; or a module's statements."""

    module: str
    name: str
    nodes: list[ast.AST]
    #: The class of a method, a field or an attribute, which is reached by its name once its class is.
    owner: str = ""
    #: A record's fields in order, and whether each has a default.
    fields: list[tuple[str, bool]] = field(default_factory=list)
    #: Handed to a framework by a decorator: reached with its module.
    registered: bool = False
    #: A record of a JSON format: its fields are a promise to those who read it.
    promised: bool = False

    @property
    def key(self) -> str:
        """``siotool.units:parse``, ``siotool.units:Rate.per_s``; a module's statements end with the colon."""
        return f"{self.module}:{self.name}"

    @property
    def own(self) -> str:
        """The name within its class."""
        return self.name.rpartition(".")[2]

    def walk(self) -> Iterator[ast.AST]:
        """Every node of it."""
        for top in self.nodes:
            yield from ast.walk(top)


@dataclass
class Package:
    """Sources, parsed: the units by key, and what each name of a module stands for."""

    units: dict[str, Unit] = field(default_factory=dict)
    #: Module → local name → keys of definitions, or ``module:`` for a module; several where functions
    #: import different things under one name.
    scopes: dict[str, dict[str, set[str]]] = field(default_factory=dict)


def last(node: ast.AST) -> str:
    """``x`` of ``x``, ``a.x`` and ``a.x(…)``."""
    if isinstance(node, ast.Call):
        return last(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def parse(sources: Mapping[str, str]) -> Package:
    """Part modules, given by name, into units."""
    package = Package()
    trees = {module: ast.parse(source) for module, source in sources.items()}
    for module, tree in trees.items():
        scope = package.scopes.setdefault(module, defaultdict(set))
        statements = package.units[f"{module}:"] = Unit(module, "", [])
        for node in tree.body:
            for unit in _units(module, node):
                if unit.name:
                    package.units[unit.key] = unit
                else:
                    statements.nodes += unit.nodes
                if unit.name and not unit.owner:
                    scope[unit.name].add(unit.key)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname:
                        scope[alias.asname].add(f"{alias.name}:")
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    meant = f"{whole}:" if whole in trees else f"{node.module}:{alias.name}"
                    scope[alias.asname or alias.name].add(meant)
    return package


def _units(module: str, node: ast.stmt) -> Iterator[Unit]:
    if isinstance(node, Function):
        yield Unit(module, node.name, [node], registered=_registered(node))
    elif isinstance(node, ast.ClassDef):
        promised = any(keyword.arg in ("forbid_unknown_fields", "tag") for keyword in node.keywords)
        whole = Unit(module, node.name, [*node.bases, *node.keywords, *node.decorator_list])
        whole.promised = promised
        yield whole
        for part in node.body:
            if isinstance(part, Function):
                name = f"{node.name}.{part.name}"
                yield Unit(module, name, [part], owner=node.name, registered=_registered(part))
                yield from _written(module, node.name, part)
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                whole.fields.append((part.target.id, part.value is not None))
                whole.nodes += [part.annotation, *([part.value] if part.value else [])]
                yield Unit(module, f"{node.name}.{part.target.id}", [], owner=node.name, promised=promised)
            else:
                whole.nodes.append(part)
    else:
        targets = getattr(node, "targets", [getattr(node, "target", node)])
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and len(names) == len(targets):
            yield from (Unit(module, name, [node]) for name in names)
        else:
            yield Unit(module, "", [node])


def _written(module: str, owner: str, function: Function) -> Iterator[Unit]:
    """Attributes that a method gives its object."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and last(node.value) == "self":
            yield Unit(module, f"{owner}.{node.attr}", [], owner=owner)


def _registered(function: Function) -> bool:
    return any(last(decorator) not in PLAIN for decorator in function.decorator_list)


def _uses(package: Package, unit: Unit) -> tuple[set[str], set[str]]:
    """Return what a unit names: definitions and modules by key, and attributes of who knows what."""
    keys: set[str] = set()
    attributes: set[str] = set()
    scope, nodes = package.scopes[unit.module], list(unit.walk())
    before_a_dot = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Name):
            meant = scope.get(node.id, set())
            keys |= meant
            if id(node) not in before_a_dot:  # a module handed on whole
                keys |= {f"{key}*" for key in meant if key.endswith(":")}
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
            modules = scope.get(node.value.id, set()) if isinstance(node.value, ast.Name) else set()
            keys |= {f"{module}{node.attr}" for module in modules if module.endswith(":")}
            attributes.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            keys.add(f"{node.value}:")  # a module to run or to load
            # a column named in a table; a type named ahead of its class
            attributes |= {node.value} if "_" in node.value else set()
            keys |= scope.get(node.value, set()) if node.value[:1].isupper() else set()
        elif isinstance(node, ast.Import):
            keys |= {f"{alias.name}:" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            keys |= {f"{node.module}:", *(f"{node.module}.{alias.name}:" for alias in node.names)}
        elif isinstance(node, ast.Call) and last(node.func) in BY_TEXT:
            attributes |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)}
        elif isinstance(node, ast.MatchClass):
            attributes |= set(node.kwd_attrs)
            for other in package.units.values():
                if other.name == last(node.cls):
                    attributes |= {name for name, _ in other.fields[: len(node.patterns)]}
    return keys, attributes


def reached(package: Package, roots: Collection[str], named: Collection[str] = ()) -> set[str]:
    """Return the keys that the roots lead to; ``named`` are attributes that templates read."""
    found: set[str] = set()
    attributes = set(named)
    inside = [unit for unit in package.units.values() if unit.owner]
    waiting = list(roots)
    while waiting:
        while waiting:
            key = waiting.pop()
            module = key.partition(":")[0]
            if key.endswith(":*"):
                waiting += [
                    k for k, unit in package.units.items() if unit.module == module and not unit.owner
                ]
            if key in found or key not in package.units:
                continue
            found.add(key)
            keys, names = _uses(package, package.units[key])
            waiting += [*keys, f"{module}:", f"{module.rpartition('.')[0]}:"]
            attributes |= names
            if key.endswith(":"):
                waiting += [
                    k for k, unit in package.units.items() if unit.module == module and unit.registered
                ]
        waiting += [
            unit.key
            for unit in inside
            if unit.key not in found and f"{unit.module}:{unit.owner}" in found
            if unit.promised or unit.own in attributes or unit.own.startswith("__")
        ]
    return found


def unreached(package: Package, found: set[str]) -> list[str]:
    """Return the keys of what was not reached; what is inside an unreached class goes without saying."""
    return [
        key
        for key, unit in package.units.items()
        if key not in found and not key.endswith(":__all__")
        if not unit.owner or f"{unit.module}:{unit.owner}" in found
    ]


@dataclass
class Call:
    """Arguments of one call: how many by position, which by name; any at all where one is starred."""

    positional: int
    names: set[str]
    starred: bool


def unpassed(package: Package, found: set[str], roots: Collection[str] = ()) -> list[str]:
    """Return ``key(parameter)`` of each default that no reached code overrides; fields of records too.

    A root, and a function that is handed on as a value, may be called with anything, and is left
    out; so is a record that only a decoder makes.
    """
    calls, handed_on, changed = _calls(package, found)
    return [
        f"{key}({name})"
        for key, unit in package.units.items()
        if key in found and key not in roots and not unit.registered and not unit.promised
        for called, name, position in _optional(unit)
        if calls[called] and (unit.fields or (unit.own if unit.owner else key) not in handed_on)
        if not (unit.fields and name in changed)
        if not any(c.starred or name in c.names or c.positional > position for c in calls[called])
    ]


def _stands_for(node: ast.Name | ast.Attribute, scope: Mapping[str, set[str]]) -> set[str]:
    """Keys of what a name or a module's attribute is; of any other attribute, its word, for methods."""
    if isinstance(node, ast.Name):
        return scope.get(node.id, set())
    modules = scope.get(node.value.id, set()) if isinstance(node.value, ast.Name) else set()
    return {f"{module}{node.attr}" for module in modules if module.endswith(":")} | {node.attr}


def _optional(unit: Unit) -> Iterator[tuple[str, str, int]]:
    """Yield what has a default: the name that is called, the parameter, and its position."""
    yield from ((unit.name, name, at) for at, (name, default) in enumerate(unit.fields) if default)
    for node in unit.nodes:
        if not isinstance(node, Function):
            continue
        called = unit.owner if unit.own == "__init__" else unit.own
        plain = [*node.args.posonlyargs, *node.args.args]
        bound = bool(unit.owner) and not any(last(d) == "staticmethod" for d in node.decorator_list)
        first = len(plain) - len(node.args.defaults)
        for position, argument in enumerate(plain[first:], first - bound):
            yield called, argument.arg, position
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is not None:
                yield called, argument.arg, len(plain)


def _calls(package: Package, found: set[str]) -> tuple[dict[str, list[Call]], set[str], set[str]]:
    """Return calls by the last word of what is called, what is not called, and fields set later."""
    calls: dict[str, list[Call]] = defaultdict(list)
    handed_on: set[str] = set()
    changed: set[str] = set()
    decoded: set[str] = set()
    for key in found:
        unit = package.units[key]
        nodes = list(unit.walk())
        callees = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if isinstance(node, ast.Call):
                name, arguments = last(node.func), list(node.args)
                if name == "partial" and arguments:
                    name = last(arguments.pop(0))
                if name == "cls":
                    name = unit.owner
                names = {keyword.arg for keyword in node.keywords if keyword.arg}
                if name == "replace":
                    changed |= names
                decoded |= {last(keyword.value) for keyword in node.keywords if keyword.arg == "type"}
                starred = len(names) < len(node.keywords) or any(
                    isinstance(a, ast.Starred) for a in arguments
                )
                meant = {k.rpartition(":")[2] for k in package.scopes[unit.module].get(name, ())} | {name}
                for one in meant:
                    calls[one].append(Call(len(arguments), names, starred))
            elif isinstance(node, ast.Name | ast.Attribute):
                if isinstance(node.ctx, ast.Store):
                    changed.add(last(node))
                elif id(node) not in callees:
                    handed_on |= _stands_for(node, package.scopes[unit.module])
    for name in decoded:
        calls.pop(name, None)
    return calls, handed_on, changed
