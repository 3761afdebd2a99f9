"""Write files completely or not at all, and check beforehand that they can be written."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

import xarray as xr


def check_writable(path: Path) -> None:
    """Check that a file can be written at ``path``, before spending hours on its contents.

    Leaves no file behind and changes none.

    Raises:
        OSError: if it is a folder, or its folder is missing or not writable; names it.
    """
    if path.is_dir():
        raise IsADirectoryError(f"output {str(path)!r} is a folder: name a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"output {str(path)!r} cannot be written: there is no folder {str(path.parent)!r}"
        )
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Check that files can be written to ``folder``; leaves none behind.

    Raises:
        OSError: if not; names the folder.
    """
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"folder {str(folder)!r} takes no files: {error.strerror}") from error


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write beside the target, then rename, so that a full disk leaves the old file intact.

    The file is made in memory first: HDF5 does not survive a failed write to disk.
    """
    contents = dataset.to_netcdf(engine="h5netcdf")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(contents)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
