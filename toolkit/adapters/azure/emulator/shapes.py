"""What a model of one of Azure's own SDKs takes: its fields by their names on the wire, their types, which are required
and which the service alone gives.

The SDKs have models of two generators. The newer (TypeSpec) keeps a field's name and visibility on the class; the older
(AutoRest) has a map of attributes, in which "properties.topic" is a field of a field. Both name the types in hints.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any

from toolkit.adapters.azure.emulator.refused import invalid


@dataclass
class Field:
    """`hint` is a type of Python's, a model, or a Shape of fields that stand together on the wire only."""

    hint: Any
    required: bool = False
    readonly: bool = False


@dataclass
class Shape:
    """`variants` are the models that may stand for it, by the value of the field `selector`; with `items` it is an
    array of those."""

    fields: dict[str, Field] = field(default_factory=dict)
    selector: str = ""
    variants: dict[str, Any] = field(default_factory=dict)
    items: Shape | None = None


def check(value: Any, hint: Any, where: str = "", *, full: bool = True) -> None:
    """Raises Refused where `value` is nothing that `hint` takes. `full=False`: a patch, which may leave out what is
    required."""
    if isinstance(hint, Shape) and hint.items:
        _require(isinstance(value, list), value, "an array", where)
        for number, item in enumerate(value):
            check(item, hint.items, f"{where}[{number}]", full=full)
        return
    if isinstance(hint, Shape) or _is_model(hint):
        _check_object(value, hint if isinstance(hint, Shape) else shape(hint), where, full=full)
        return
    origin, given = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        _check_union(value, given, where, full=full)
    elif origin is list:
        _require(isinstance(value, list), value, "an array", where)
        for number, item in enumerate(value):
            check(item, given[0], f"{where}[{number}]", full=full)
    elif origin in {dict, Mapping, MutableMapping}:
        _require(isinstance(value, dict), value, "an object", where)
        for key, item in value.items():
            check(item, given[1], f"{where}.{key}", full=full)
    elif origin is typing.Literal:
        _require(value in given, value, f"one of {', '.join(map(str, given))}", where)
    else:
        _check_plain(value, hint, where)


@cache
def shape(model: Any) -> Shape:
    return _newer(model) if hasattr(model, "_RestField") or _rest_fields(model) else _older(model)


def _check_object(value: Any, known: Shape, where: str, *, full: bool) -> None:
    _require(isinstance(value, dict), value, "an object", where)
    if known.selector and known.variants:
        chosen = value.get(known.selector)
        if not isinstance(chosen, str) or chosen not in known.variants:
            said = ", ".join(sorted(known.variants))
            raise invalid(f"'{_at(where, known.selector)}' is {chosen!r}; it is one of {said}.")
        known = shape(known.variants[chosen])
    for name, item in value.items():
        at = _at(where, name)
        if name not in known.fields:
            raise invalid(f"Could not find member '{name}' on object at '{where or '$'}'.")
        if known.fields[name].readonly:
            raise invalid(f"'{at}' is read-only.")
        if item is None and not known.fields[name].required:
            continue
        check(item, known.fields[name].hint, at, full=full)
    for name, one in known.fields.items():
        if full and one.required and not one.readonly and name not in value:
            raise invalid(f"Required property '{name}' not found at '{where or '$'}'.")


def _check_union(value: Any, options: tuple[Any, ...], where: str, *, full: bool) -> None:
    kinds = [one for one in options if one is not type(None)]
    if value is None and len(kinds) < len(options):
        return
    enums = [one for one in kinds if isinstance(one, type) and issubclass(one, Enum)]
    if enums:  # Union[str, Enum]: the service knows these
        known = [str(member.value) for one in enums for member in one]
        _require(value in known, value, f"one of {', '.join(known)}", where)
    elif len(kinds) == 1:
        check(value, kinds[0], where, full=full)
    else:
        from toolkit.adapters.azure.emulator.refused import Refused

        for one in kinds:
            try:
                check(value, one, where, full=full)
            except Refused:
                continue
            return
        raise invalid(f"The value at '{where}' is of no type that it may have.")


def _check_plain(value: Any, hint: Any, where: str) -> None:
    if hint is Any or hint is object:
        return
    if isinstance(hint, type) and issubclass(hint, Enum):
        known = [str(member.value) for member in hint]
        _require(value in known, value, f"one of {', '.join(known)}", where)
    elif hint is bool:
        _require(isinstance(value, bool), value, "a boolean", where)
    elif hint is int:
        _require(isinstance(value, int) and not isinstance(value, bool), value, "an integer", where)
    elif hint is float:
        _require(isinstance(value, int | float) and not isinstance(value, bool), value, "a number", where)
    elif hint in {str, bytes, timedelta}:
        _require(isinstance(value, str), value, "a string", where)
    elif hint in {datetime, date}:
        _require(isinstance(value, str | int) and not isinstance(value, bool), value, "a time", where)
    else:
        raise TypeError(f"{where}: there is no check for {hint!r}")


def _newer(model: Any) -> Shape:
    """Of a TypeSpec model."""
    found = Shape()
    hints: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        if _rest_fields(base):
            module = sys.modules[base.__module__]
            names = {**vars(module), "_models": import_module(base.__module__.rpartition(".")[0])}
            hints |= typing.get_type_hints(base, names, names)
    for attribute, rest in _rest_fields(model).items():
        hint = hints[attribute]
        name = rest._rest_name_input or attribute
        found.fields[name] = Field(hint, not _optional(hint), rest._visibility == ["read"])
        if rest._is_discriminator:
            found.selector, found.variants = name, _leaves(getattr(model, "__mapping__", {}) or {}, model)
    return found


def _rest_fields(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(getattr(model, "__mro__", ())):
        found |= {name: one for name, one in vars(base).items() if type(one).__name__ == "_RestField"}
    return found


def _leaves(mapping: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """The variants of a model that has some, none of one that is a variant itself."""
    return {
        str(getattr(key, "value", key)): one
        for key, one in mapping.items()
        if one is not model and one.__mro__[1] is model
    }


def _older(model: Any) -> Shape:
    """Of an AutoRest model."""
    module = sys.modules[model.__module__]
    names = {**vars(module), "_models": import_module(model.__module__.rpartition(".")[0])}
    hints = typing.get_type_hints(model.__init__, names, names)
    inits = inspect.signature(model.__init__).parameters
    rules = getattr(model, "_validation", {})
    found = Shape()
    for attribute, told in model._attribute_map.items():
        rule = rules.get(attribute, {})
        steps = told["key"].replace("\\.", "\0").split(".")
        fields = found.fields
        for step in steps[:-1]:
            beneath = fields.setdefault(step, Field(Shape()))
            fields = beneath.hint.fields
        readonly = bool(rule.get("readonly")) or (attribute not in inits and not rule.get("required"))
        name = steps[-1].replace("\0", ".")
        fields[name] = Field(hints.get(attribute, Any), bool(rule.get("required")), readonly)
    for attribute, variants in getattr(model, "_subtype_map", {}).items():
        package = import_module(model.__module__.rpartition(".")[0])
        found.selector = model._attribute_map[attribute]["key"]
        found.variants = {value: getattr(package, name) for value, name in variants.items()}
    return found


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and (bool(_rest_fields(hint)) or hasattr(hint, "_attribute_map") or _empty(hint))


def _empty(hint: type) -> bool:
    """A model without a field of its own: any of its base's names."""
    return any(base.__name__ in {"Model", "_Model"} for base in hint.__mro__[1:])


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) in {typing.Union, types.UnionType} and type(None) in typing.get_args(hint)


def _require(holds: bool, value: Any, wanted: str, where: str) -> None:
    if not holds:
        raise invalid(f"The value at '{where or '$'}' is {value!r}: it has to be {wanted}."[:500])


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
