"""Values by name that are checked as they are made, and what is said of those that are refused."""

from __future__ import annotations

import reprlib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

LONGEST_MESSAGE = 500  # characters
SAID = {
    "bool_type": "true or false is needed",
    "dict_type": "values by name are needed",
    "extra_forbidden": "there is no such entry",
    "finite_number": "a finite number is needed",
    "float_type": "a number is needed",
    "int_type": "a whole number is needed",
    "missing": "this entry is missing",
    "model_type": "values by name are needed",
    "string_type": "a text is needed",
    "tuple_type": "a list is needed",
}
"""Our words for errors that pydantic describes in terms of Python."""


class ScenarioError(ValueError):
    """A value that cannot be taken; the message names it and what is allowed."""


class Described(BaseModel):
    """Immutable values by name, without any others; all errors are ``ScenarioError``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ScenarioError(explained(error)) from None


def explained(error: ValidationError) -> str:
    """The first fault in one sentence of bearable length: which value, and what is allowed."""
    told = _first_fault(error)
    return told if len(told) <= LONGEST_MESSAGE else f"{told[:LONGEST_MESSAGE]} …"


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"]).lstrip(".")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ScenarioError):
        return f"{place}: {cause}"
    if first["type"] in ("too_long", "too_short"):
        least, most = (first["ctx"].get(f"{end}_length") for end in ("min", "max"))
        return f"{place}: {f'at least {least}' if most is None else f'at most {most}'} can be given"
    given = "" if first["type"] == "missing" else f" = {reprlib.repr(first['input'])}"
    return f"{place}{given}: {cause or SAID.get(first['type'], first['msg'])}"
