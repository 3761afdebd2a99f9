"""Options of a filter, declared by the arguments of its class.

An option is a keyword argument that is annotated as one:

    Gain = Annotated[float, Option("Share of the innovation.", low=0.0, high=1.0)]

    def __init__(self, benchmark, device="cpu", dtype=torch.float32, gain: Gain = 0.3): ...

The argument gives default and type. The command line, the dashboard and the error messages
all use this declaration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from inspect import signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ldensf_core.checks import is_number, is_whole


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        help: one sentence for people.
        units: of its value, if any.
        low, high: bounds of a number, inclusive.
        choices: allowed texts.
        name, default: filled in by ``options_of``.
    """

    help: str
    units: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    name: str = ""
    default: Any = None

    def check(self, value: Any, whose: str) -> None:
        """Check a value.

        Args:
            whose: label of the filter, for the message.

        Raises:
            ValueError: if the value is not allowed; names it and what is allowed.
        """
        named = f"{self.name} of {whose!r}"
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"{named} = {value!r}: there are {', '.join(self.choices)}")
        elif isinstance(self.default, int):
            least = math.ceil(self.low) if math.isfinite(self.low) else 1
            if not is_whole(value, least) or value > self.high:
                most = f" and at most {self.high:.0f}" if math.isfinite(self.high) else ""
                raise ValueError(
                    f"{named} = {value!r}: a whole number of at least {least}{most} is needed"
                )
        elif not is_number(value, self.low, self.high):
            raise ValueError(f"{named} = {value!r}: allowed is {self.low:g} to {self.high:g}")


@cache
def options_of(kind: type) -> Mapping[str, Option]:
    """The options of a filter's class, by name, in the order of its arguments."""
    hints = get_type_hints(kind.__init__, include_extras=True)
    found = {}
    for name, argument in signature(kind.__init__).parameters.items():
        hint = hints.get(name)
        if get_origin(hint) is not Annotated:
            continue
        for option in get_args(hint)[1:]:
            if isinstance(option, Option):
                found[name] = replace(option, name=name, default=argument.default)
    return found


def check_options(kind: type, options: Any, whose: str) -> dict[str, Any]:
    """Check the options given for a filter's class; return them as a dictionary.

    Raises:
        ValueError: if one is unknown or its value is not allowed; names it and what is allowed.
    """
    allowed = options_of(kind)
    if not isinstance(options, Mapping):
        raise ValueError(f"options of {whose!r} = {options!r}: a mapping by name is needed")
    unknown = [name for name in options if name not in allowed]
    if unknown:
        there = ", ".join(allowed) or "none"
        raise ValueError(f"options of {whose!r} = {dict(options)!r}: allowed are {there}")
    for name, value in options.items():
        allowed[name].check(value, whose)
    return dict(options)
