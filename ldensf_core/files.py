"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import xarray as xr


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write beside the target and rename, so that a full disk leaves what was there.

    The file is made in memory first: HDF5 does not survive a failed write to disk.
    """
    contents = dataset.to_netcdf(engine="h5netcdf")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(contents)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
