"""Name a user's own code by what it does and holds, so that no two share results.

What this module guarantees:

* Two things have one digest only if their code, what they hold, and what their code
  looks up in its module are the same: bytecode, defaults, closures, globals, and the
  versions of the packages that they use. Comments and places of lines play no part.
* The digest is the same in every process, on any machine with the same Python.
* What cannot be looked into is refused by name, never passed over.

What code imports while it runs, or reads from files, cannot be seen here.
"""

import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Mapping
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
            open file; the message names it.
    """
    return hashlib.sha256("\n".join(_Look(name_of(item)).at(item)).encode()).hexdigest()


class _Look:
    """Writes down what it is shown, part by part, each thing once."""

    def __init__(self, name: str) -> None:
        self._path = [name]
        #: Numbers of things by identity; they are held, so that none is used twice.
        self._seen: dict[int, tuple[int, object]] = {}

    def at(self, item: Any, part: str = "") -> Iterator[str]:  # noqa: ANN401 - anything
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

    def _parts(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - anything
        look = self._way(item)
        if look is not None:
            yield from look(self, item)
            return
        inner = getattr(item, "py_func", None) or getattr(item, "__wrapped__", None)
        if isinstance(inner, FunctionType):  # compiled or wrapped
            yield from self.at(type(item))
            yield from self.at(inner)
            return
        yield from self._object(item)

    def _way(self, item: object) -> Callable[..., Iterator[str]] | None:
        for kinds, look in self._ways:
            if isinstance(item, kinds):
                return look
        return self._holders.get(type(item))

    def _module(self, item: ModuleType) -> Iterator[str]:
        if _is_installed(item.__name__):
            yield _versioned(item.__name__)
            return
        file = getattr(item, "__file__", None)
        yield hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
        for name, value in sorted(vars(item).items()):
            if isinstance(value, ModuleType | FunctionType | type):
                yield from self.at(value, name)

    def _class(self, item: type) -> Iterator[str]:
        yield _full_name(item)
        if _is_installed(item.__module__) or not item.__flags__ & _MADE_IN_PYTHON:
            yield _versioned(item.__module__)
            return
        for parent in item.__bases__:
            yield from self.at(parent)
        for name, value in sorted(vars(item).items()):
            if name not in _OF_EVERY_CLASS and not _is_slot(value):
                yield name
                yield from self.at(value, name)

    def _function(self, item: FunctionType) -> Iterator[str]:
        yield _full_name(item)
        if _is_installed(item.__module__):
            yield _versioned(item.__module__)
            return
        yield from self._code(item.__code__)
        yield from self.at(item.__defaults__, "its defaults")
        yield from self.at(item.__kwdefaults__, "its defaults")
        names = item.__code__.co_freevars
        for name, cell in zip(names, item.__closure__ or (), strict=True):
            yield name
            with suppress(ValueError):  # not yet filled
                yield from self.at(cell.cell_contents, name)
        for name in sorted(_names(item.__code__) & item.__globals__.keys()):
            yield name
            yield from self.at(item.__globals__[name], name)

    def _code(self, item: CodeType) -> Iterator[str]:
        yield item.co_code.hex()
        yield repr((item.co_names, item.co_varnames, item.co_flags, item.co_argcount))
        yield getattr(item, "co_exceptiontable", b"").hex()
        for constant in item.co_consts:
            yield from self.at(constant)

    def _method(self, item: MethodType) -> Iterator[str]:
        yield from self.at(item.__self__)
        yield from self.at(item.__func__)

    def _static(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - both kinds
        yield from self.at(item.__func__)

    def _property(self, item: property) -> Iterator[str]:
        for part in (item.fget, item.fset, item.fdel):
            yield from self.at(part)

    def _cached(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - cached_property
        yield from self.at(item.func)

    def _built_in(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - several kinds
        yield item.__qualname__
        owner = getattr(item, "__self__", None)
        if isinstance(owner, ModuleType) or owner is None:
            yield _versioned(getattr(item, "__module__", None))
        else:
            yield from self.at(owner)

    def _array(self, item: "np.ndarray[Any, Any]") -> Iterator[str]:
        yield f"{item.dtype.str} {item.shape}"
        if item.dtype.hasobject:
            yield from self.at(item.tolist())
        else:
            yield hashlib.sha256(np.ascontiguousarray(item).tobytes()).hexdigest()

    def _mapping(self, item: Mapping[Any, Any]) -> Iterator[str]:
        for key, value in item.items():
            yield from self.at(key)
            yield from self.at(value, str(key))

    def _set(self, item: AbstractSet[Any]) -> Iterator[str]:
        # Their order is another one in each process.
        yield from sorted(_alone(self._path[-1], value) for value in item)

    def _row(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - list or tuple
        for value in item:
            yield from self.at(value)

    def _object(self, item: Any) -> Iterator[str]:  # noqa: ANN401 - anything
        """As pickle would take it apart."""
        yield from self.at(type(item))
        try:
            parts = item.__reduce_ex__(4)
        except (TypeError, AttributeError) as error:
            raise UsageError(
                f"folder: expected an intervention whose results can be told from "
                f"those of another, got {type(item).__name__} in "
                f"{' > '.join(self._path)}",
                advice="Keep plain values, arrays and functions in it, or give no "
                "folder.",
            ) from error
        if isinstance(parts, str):
            yield f"{_versioned(getattr(item, '__module__', None))} {parts}"
            return
        make, arguments, *state = parts
        yield from self.at(make)
        yield from self.at(arguments)
        if state:
            yield from self.at(state[0])
        for rest in state[1:3]:
            yield from self.at(None if rest is None else list(rest))

    _ways: Final[tuple[tuple[Any, Callable[..., Iterator[str]]], ...]] = (
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
    _holders: Final[Mapping[type, Callable[..., Iterator[str]]]] = {
        np.ndarray: _array,
        dict: _mapping,
        MappingProxyType: _mapping,
        set: _set,
        frozenset: _set,
        list: _row,
        tuple: _row,
    }


def _alone(name: str, item: object) -> str:
    return hashlib.sha256("\n".join(_Look(name).at(item)).encode()).hexdigest()


def _names(code: CodeType) -> set[str]:
    """What a function looks up, functions within it included."""
    inner = (item for item in code.co_consts if isinstance(item, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _full_name(item: Any) -> str:  # noqa: ANN401 - function or class
    return f"{item.__module__}.{item.__qualname__}"


def _is_slot(value: object) -> bool:
    return type(value).__name__ in ("member_descriptor", "getset_descriptor")


@functools.lru_cache(maxsize=1024)
def _is_installed(module: str | None) -> bool:
    """Whether a module comes with Python, Cosignal or an installed package."""
    name = module or "builtins"
    root = name.partition(".")[0]
    if root == "__main__":
        return False
    if root in sys.stdlib_module_names or name.startswith("cosignal."):
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
