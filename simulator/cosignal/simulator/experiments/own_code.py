"""Name a user's own code by what it does and holds, so that no two share results.

What this module guarantees:

* Two things have one digest only if their code, what they hold, and what their code
  looks up in its module are the same: bytecode, defaults, closures, attributes,
  globals, all values of a user's modules, and the versions of the packages that they
  use. Comments and places of lines play no part.
* What wraps something, or is compiled of it, counts with what it holds itself.
* The digest is the same in every process, on any machine with the same Python.
* What cannot be looked into is refused by name, never passed over.

What code imports while it runs, or reads from files, cannot be seen here.
"""

import copyreg
import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Final

import numpy as np

from cosignal.protocol.errors import UsageError

_BUILT_IN: Final = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)
#: What a part is written down as: a line, or the parts of something within it.
_Parts = Iterator["str | _Parts"]
_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes, type(...))
#: Packages in such folders are named by their versions.
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
#: Bit of a class's flags, `Py_TPFLAGS_HEAPTYPE`: others are compiled.
_MADE_IN_PYTHON: Final = 1 << 9
#: What a class has of Python itself.
_OF_EVERY_CLASS: Final = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__abstractmethods__"}
    | {"__annotations__", "__annotate__", "_abc_impl", "__firstlineno__"}
    | {"__static_attributes__", "__slotnames__"}
    # What a dataclass does with them stands in its functions.
    | {"__dataclass_fields__", "__dataclass_params__"}
)


def name_of(item: object) -> str:
    """Where an intervention, or a function that makes them, is written down."""
    kind = item if isinstance(item, FunctionType | type) else type(item)
    return f"{kind.__module__}.{kind.__qualname__}"


def code_digest(item: object) -> str:
    """Name an object or a function by all that decides what it does.

    Args:
        item: An intervention, or a function that makes them.

    Returns:
        64 hexadecimal digits.

    Raises:
        UsageError: It holds, or its code uses, what cannot be looked into, such as an
            open file, or sets within sets without end; the message names it.
    """
    return _digest([name_of(item)], item)


class _Look:
    """Writes down what it is shown, part by part, each thing once."""

    def __init__(self, path: list[str]) -> None:
        self._path = path
        #: Numbers of things by identity; they are held, so that none is used twice.
        self._seen: dict[int, tuple[int, object]] = {}

    def lines(self, item: object) -> Iterator[str]:
        """All that is to be said of something, however deep: the stack is our own."""
        stack = [self.at(item)]
        while stack:
            part = next(stack[-1], None)
            if part is None:
                stack.pop()
            elif isinstance(part, str):
                yield part
            else:
                stack.append(part)

    def at(self, item: Any, part: str = "") -> _Parts:  # noqa: ANN401 - anything
        if isinstance(item, _PLAIN):
            yield f"{type(item).__name__} {item!r}"
            return
        if id(item) in self._seen:
            yield f"again {self._seen[id(item)][0]}"
            return
        self._seen[id(item)] = len(self._seen), item
        if part:
            self._path.append(part)
        yield f"{type(item).__name__} ("
        yield from self._parts(item)
        yield ")"
        if part:
            self._path.pop()

    def _parts(self, item: Any) -> _Parts:  # noqa: ANN401 - anything
        look = self._way(item)
        if look is not None:
            yield from look(self, item)
            return
        if _is_compiled(item):
            yield from self._compiled(item)
            return
        yield from self._object(item)

    def _way(self, item: object) -> Callable[..., _Parts] | None:
        for kinds, look in self._ways:
            if isinstance(item, kinds):
                return look
        return self._holders.get(type(item))

    def _module(self, item: ModuleType) -> _Parts:
        if _is_installed(item.__name__):
            yield _versioned(item.__name__)
            return
        file = getattr(item, "__file__", None)
        yield hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
        # Of Python: where the file lies, who loaded it.
        yield from self._named(
            pair for pair in vars(item).items() if not _is_of_python(pair[0])
        )

    def _class(self, item: type) -> _Parts:
        yield _full_name(item)
        if _is_installed(item.__module__) or not item.__flags__ & _MADE_IN_PYTHON:
            yield _versioned(item.__module__)
            return
        for parent in (type(item), *item.__bases__):
            yield self.at(parent)
        yield from self._attributes(item)

    def _function(self, item: FunctionType) -> _Parts:
        yield _full_name(item)
        if _is_installed(item.__module__):
            yield _versioned(item.__module__)
            return
        yield from self._code(item.__code__)
        yield self.at(item.__defaults__, "its defaults")
        yield self.at(item.__kwdefaults__, "its defaults")
        names = item.__code__.co_freevars
        for name, cell in zip(names, item.__closure__ or (), strict=True):
            yield name
            with suppress(ValueError):  # not yet filled
                yield self.at(cell.cell_contents, name)
        names_used = _names(item.__code__)
        yield from self._named(
            pair for pair in item.__globals__.items() if pair[0] in names_used
        )
        yield from self._attributes(item)

    def _compiled(self, item: Any) -> _Parts:  # noqa: ANN401 - a type of Numba
        yield self.at(type(item))
        yield self.at(item.py_func)
        yield self.at(getattr(item, "targetoptions", None), "its options")
        yield self.at(getattr(item, "locals", None), "its types")

    def _attributes(self, item: object) -> _Parts:
        """What somebody gave a function, a class or the like."""
        given = getattr(item, "__dict__", {})
        return self._named(
            (name, value)
            for name, value in given.items()
            if name not in _OF_EVERY_CLASS and not _is_of_type(value)
        )

    def _named(self, pairs: Iterable[tuple[str, object]]) -> _Parts:
        for name, value in sorted(pairs, key=lambda pair: pair[0]):
            yield name
            yield self.at(value, name)

    def _code(self, item: CodeType) -> _Parts:
        yield item.co_code.hex()
        yield repr((item.co_names, item.co_varnames, item.co_flags, item.co_argcount))
        yield getattr(item, "co_exceptiontable", b"").hex()
        for constant in item.co_consts:
            yield self.at(constant)

    def _method(self, item: MethodType) -> _Parts:
        yield self.at(item.__self__)
        yield self.at(item.__func__)

    def _static(self, item: Any) -> _Parts:  # noqa: ANN401 - both kinds
        yield self.at(item.__func__)
        yield from self._derived(item)

    def _property(self, item: property) -> _Parts:
        for part in (item.fget, item.fset, item.fdel):
            yield self.at(part)
        yield from self._derived(item)

    def _cached(self, item: Any) -> _Parts:  # noqa: ANN401 - cached_property
        yield self.at(item.func)
        yield from self._derived(item)

    def _derived(self, item: object) -> _Parts:
        """What an object of a user's own kind of property and the like has besides."""
        if not _is_installed(type(item).__module__):
            yield self.at(type(item))
            yield from self._attributes(item)

    def _built_in(self, item: Any) -> _Parts:  # noqa: ANN401 - several kinds
        yield item.__qualname__
        owner = getattr(item, "__self__", None)
        if owner is None:
            yield _versioned(getattr(item, "__module__", None))
        else:
            yield self.at(owner)

    def _array(self, item: "np.ndarray[Any, Any]") -> _Parts:
        yield f"{item.dtype.str} {item.shape}"
        if item.dtype.hasobject:
            yield self.at(item.tolist())
        else:
            yield hashlib.sha256(np.ascontiguousarray(item).tobytes()).hexdigest()

    def _mapping(self, item: Mapping[Any, Any]) -> _Parts:
        for key, value in item.items():
            yield self.at(key)
            yield self.at(value, str(key))

    def _set(self, item: AbstractSet[Any]) -> _Parts:
        # Their order is another one in each process.
        yield from sorted(_digest([*self._path], value) for value in item)

    def _row(self, item: Any) -> _Parts:  # noqa: ANN401 - list or tuple
        for value in item:
            yield self.at(value)

    def _object(self, item: Any) -> _Parts:  # noqa: ANN401 - anything
        """As pickle would take it apart."""
        yield self.at(type(item))
        try:
            known = copyreg.dispatch_table.get(type(item))
            parts = known(item) if known else item.__reduce_ex__(4)
        except (TypeError, AttributeError) as error:
            raise _refused(type(item).__name__, self._path) from error
        if isinstance(parts, str):
            yield from self._global(item, parts)
            return
        make, arguments, *state = parts
        yield self.at(make)
        yield self.at(arguments)
        if state:
            yield self.at(state[0])
        for rest in state[1:3]:
            yield self.at(None if rest is None else list(rest))
        if isinstance(item, np.ndarray):  # pickle forgets these
            yield from self._derived(item)

    def _global(self, item: object, name: str) -> _Parts:
        """Of what pickle would only write the name, unless it wraps something."""
        if not hasattr(item, "__wrapped__"):
            home = _home(item, name)
            if home is None:
                raise _refused(type(item).__name__, self._path)
            yield f"{_versioned(home)} {name}"
        yield from self._attributes(item)

    _ways: Final[tuple[tuple[Any, Callable[..., _Parts]], ...]] = (
        (ModuleType, _module),
        (type, _class),
        (FunctionType, _function),
        (CodeType, _code),
        (MethodType, _method),
        ((staticmethod, classmethod), _static),
        (property, _property),
        (functools.cached_property, _cached),
        (_BUILT_IN, _built_in),
    )
    #: Of just these types: what is derived from them may hold more.
    _holders: Final[Mapping[type, Callable[..., _Parts]]] = {
        np.ndarray: _array,
        dict: _mapping,
        MappingProxyType: _mapping,
        set: _set,
        frozenset: _set,
        list: _row,
        tuple: _row,
    }


def _digest(path: list[str], item: object) -> str:
    try:
        text = "\n".join(_Look(path).lines(item))
    except RecursionError as error:  # sets that hold themselves by way of an object
        raise _refused("one too deep", path) from error
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(found: str, path: list[str]) -> UsageError:
    return UsageError(
        f"folder: expected an intervention whose results can be told from those of "
        f"another, got {found} in {' > '.join(path)}",
        advice="Keep plain values, arrays and functions in it and in its module, or "
        "give no folder.",
    )


def _names(code: CodeType) -> set[str]:
    """What a function looks up, functions within it included."""
    inner = (item for item in code.co_consts if isinstance(item, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _full_name(item: Any) -> str:  # noqa: ANN401 - function or class
    return f"{item.__module__}.{item.__qualname__}"


def _home(item: object, name: str) -> str | None:
    """The module that has something under a name: its own, or an installed one."""
    own = getattr(item, "__module__", None)
    for module, loaded in [*sys.modules.items()]:
        there = getattr(loaded, "__dict__", {}).get(name) is item
        if there and (module == own or _is_installed(module)):
            return module
    return None


def _is_of_python(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_of_type(value: object) -> bool:
    """Whether Python needs it: a slot; the lock of a cache, which says nothing."""
    kind = type(value)
    return kind.__name__ in ("member_descriptor", "getset_descriptor", "RLock")


def _is_compiled(item: object) -> bool:
    """Whether Numba made it: what else it holds is made anew in each process."""
    is_function = isinstance(getattr(item, "py_func", None), FunctionType)
    return is_function and type(item).__module__.startswith("numba.")


@functools.lru_cache(maxsize=1024)
def _is_installed(module: str | None) -> bool:
    """Whether a module comes with Python, Cosignal or an installed package."""
    name = module or "builtins"
    root = name.partition(".")[0]
    if root == "__main__":
        return False
    # Cython's module of common types has its version in its name.
    if root in sys.stdlib_module_names or name.startswith(("cosignal.", "_cython_")):
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and not _INSTALLED.isdisjoint(Path(file).parts)


@functools.lru_cache(maxsize=1024)
def _versioned(module: str | None) -> str:
    """A package's name and version; Cosignal's own stands in every key."""
    root = (module or "builtins").partition(".")[0]
    if root in sys.stdlib_module_names:
        return f"{module} of Python {sys.version_info[0]}.{sys.version_info[1]}"
    try:
        version = importlib.metadata.version(root)
    except importlib.metadata.PackageNotFoundError:
        version = str(getattr(sys.modules.get(root), "__version__", ""))
    return f"{module} {version}"
