"""Units, names and coordinates by CF 1.11, so that other programs understand our files.

CF are the conventions for climate and forecast metadata (cfconventions.org). Screens show units as
people write them, such as «10°»; datasets hold them in the spelling of UDUNITS. Times count from
the start of a run, in hours or without units. They are not dates, so they have neither the standard
name ``time`` nor the axis ``T``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import xarray as xr

from ldensf_core.domains import Axis

CONVENTIONS = "CF-1.11"
REFERENCES = (
    "Xiao, Si, Chen: LD-EnSF: Synergizing Latent Dynamics with Ensemble Score Filters for Fast "
    "Data Assimilation with Sparse Observations. ICLR 2026, arXiv:2411.19305"
)
UDUNITS = {
    "m/s": "m s-1",
    "m/h": "m h-1",
    "10°": "dekadegree",  # CF allows a prefix, but no factor
    "°E": "degrees_east",
    "°N": "degrees_north",
}
"""Units as shown, and their spelling in UDUNITS or CF."""


def shown(units: str) -> str:
    """Units as people write them, from the UDUNITS spelling of a file.

    >>> shown("m s-1")
    'm/s'
    """
    return next((ours for ours, theirs in UDUNITS.items() if theirs == units), units)


def described(
    long_name: str, units: str = "1", standard_name: str = "", **more: str
) -> dict[str, str]:
    """Attributes of a variable; ``units`` as shown. Empty ones are left out.

    >>> described("eastward wind", "m/s", "eastward_wind")
    {'long_name': 'eastward wind', 'units': 'm s-1', 'standard_name': 'eastward_wind'}
    """
    attributes = {"long_name": long_name, "units": UDUNITS.get(units, units)}
    more = {"standard_name": standard_name, **more}
    return attributes | {name: value for name, value in more.items() if value}


def position(axis: Axis) -> dict[str, str]:
    """Attributes of coordinates along an axis of the grid.

    CF has names for coordinates on the Earth or on a projected plane, not for a box without units.
    """
    plane = f"projection_{axis.name}_coordinate"
    names = {"°E": "longitude", "°N": "latitude", "km": plane, "m": plane}
    return described(axis.long_name, axis.units, names.get(axis.units, ""))


def grid_axis(axis: Axis) -> dict[str, str]:
    """Attributes of the grid's coordinates along an axis, with its CF axis letter."""
    attributes = position(axis)
    return attributes | ({"axis": axis.name.upper()} if "standard_name" in attributes else {})


def conventional(dataset: xr.Dataset, title: str, source: str) -> xr.Dataset:
    """``dataset`` with the attributes and encodings that CF requires of a file.

    Labels, such as names of filters, are listed in the ``coordinates`` of each variable.
    Coordinates have no fill value.

    Args:
        source: how the data were made.
    """
    coordinates = dataset.coords
    labels = {name for name in coordinates if coordinates[name].dtype.kind in "OUST"}
    for name in set(coordinates) - labels:
        dataset[name].encoding["_FillValue"] = None
    for variable in dataset.data_vars.values():
        of_it = [
            name
            for name in coordinates
            if (name in labels or name not in dataset.dims)
            and set(coordinates[name].dims) <= set(variable.dims)
        ]
        if of_it:
            variable.encoding["coordinates"] = " ".join(map(str, of_it))
    return dataset.assign_attrs(
        Conventions=CONVENTIONS,
        title=title,
        source=f"{_package()}: {source}",
        references=REFERENCES,
    )


def _package() -> str:
    try:
        return f"ldensf {version('ldensf')}"
    except PackageNotFoundError:  # run without installation
        return "ldensf"
