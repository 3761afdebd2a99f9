"""Datasets that other programs understand: units, names and coordinates of CF 1.11.

CF, the conventions for climate and forecast metadata (cfconventions.org), is what readers of
netCDF files go by. People are shown units as they write them, «10°» say; a dataset holds them as
UDUNITS reads them. Times are hours, or nothing, since a run's start: no date belongs to them, so
that they have neither the standard name ``time`` nor the axis ``T``, which are of dates.
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
    "10°": "dekadegree",  # CF takes a prefix, and no factor
    "°E": "degrees_east",
    "°N": "degrees_north",
}
"""What UDUNITS, or CF, calls units that are shown otherwise."""


def shown(units: str) -> str:
    """Units as people write them, from UDUNITS as a file has them.

    >>> shown("m s-1")
    'm/s'
    """
    return next((ours for ours, theirs in UDUNITS.items() if theirs == units), units)


def described(
    long_name: str, units: str = "1", standard_name: str = "", **more: str
) -> dict[str, str]:
    """Attributes of a variable, from units as they are shown; what is empty is left out.

    >>> described("eastward wind", "m/s", "eastward_wind")
    {'long_name': 'eastward wind', 'units': 'm s-1', 'standard_name': 'eastward_wind'}
    """
    attributes = {"long_name": long_name, "units": UDUNITS.get(units, units)}
    more = {"standard_name": standard_name, **more}
    return attributes | {name: value for name, value in more.items() if value}


def position(axis: Axis) -> dict[str, str]:
    """Attributes of coordinates along an axis of the grid.

    CF names places on the Earth, or on a plane that is laid on it; a box without units is none.
    """
    plane = f"projection_{axis.name}_coordinate"
    names = {"°E": "longitude", "°N": "latitude", "km": plane, "m": plane}
    return described(axis.long_name, axis.units, names.get(axis.units, ""))


def grid_axis(axis: Axis) -> dict[str, str]:
    """Attributes of the grid's own coordinates along it: which of the Earth's axes they are."""
    attributes = position(axis)
    return attributes | ({"axis": axis.name.upper()} if "standard_name" in attributes else {})


def conventional(dataset: xr.Dataset, title: str, source: str) -> xr.Dataset:
    """``dataset`` with what CF asks of the file that is made of it.

    Labels, such as the names of filters, are listed in each variable's ``coordinates``, and
    coordinates have no value that stands for a missing one.

    Args:
        source: how the data came about.
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
    except PackageNotFoundError:  # run from its folder
        return "ldensf"
