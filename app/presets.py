"""Scenes that show one thing each, from the files in ``presets/``.

A file is YAML: ``title``, ``sentence`` (what to look at), ``moment`` (the cycle at which it
happens), ``note`` (what happens then) and ``scenario``, the values of a ``Scenario`` that are other
than usual. Its name begins with a number, which gives the order: ``02-one-gauge.yml``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import yaml
from pydantic import Field, ValidationInfo, field_validator

from ldensf_app.described import Described
from ldensf_app.scenario import Scenario
from ldensf_core import get_benchmark

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "presets"
Sentence = Annotated[str, Field(min_length=1, max_length=200)]


class Preset(Described):
    """A scene that shows something.

    Attributes:
        title: a few words.
        scenario: the scene.
        sentence: what to look at.
        moment: cycle at which it happens.
        note: what happens then, one sentence.
    """

    title: Annotated[str, Field(min_length=1, max_length=40)]
    scenario: Scenario
    sentence: Sentence
    moment: int
    note: Sentence

    @field_validator("moment")
    @classmethod
    def _of_the_run(cls, moment: int, info: ValidationInfo) -> int:
        if "scenario" in info.data:
            last = get_benchmark(info.data["scenario"].benchmark).n_times - 1
            if not 0 <= moment <= last:
                raise ValueError(f"allowed is 0 to {last}")
        return moment


@cache
def presets() -> Mapping[str, Preset]:
    """All presets, in their order, by their files' names without number and ending.

    Those that cannot run here, for lack of trained weights say, are left out.
    """
    return MappingProxyType(read(FOLDER, strict=False))


def read(folder: Path, strict: bool = True) -> dict[str, Preset]:
    """The presets in the files ``*.yml`` of a folder, as ``presets``.

    Args:
        strict: whether a file that cannot be used is an error, or left out and told in the log.

    Raises:
        ValueError: if a file cannot be used, naming it and what is wrong.
    """
    found: dict[str, Preset] = {}
    for path in sorted(folder.glob("*.yml")):
        number, _, name = path.stem.partition("-")
        try:
            if not number.isdecimal() or not name:
                raise ValueError("the name begins with a number: 02-one-gauge.yml")
            if name in found:
                raise ValueError(f"there is another preset {name!r}")
            found[name] = _preset(path)
        except (ValueError, yaml.YAMLError) as error:
            told = f"preset {path.name}: {error}"
            if strict:
                raise ValueError(told) from None
            log.warning(told)
    return found


def _preset(path: Path) -> Preset:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return Preset(**values)
    except TypeError:  # no mapping, or one whose keys are no texts
        raise ValueError("values by name are needed, in the scenario too") from None
