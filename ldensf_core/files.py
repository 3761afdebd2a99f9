"""Files that are written whole or not at all, and that can be written when it comes to it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

import xarray as xr


def check_writable(path: Path) -> None:
    """See that a file can be written at ``path``, before hours are spent on its contents.

    Nothing is left there, and what is there stays as it is.

    Raises:
        OSError: if it is a folder, or its folder is missing or takes no files; naming it.
    """
    if path.is_dir():
        raise IsADirectoryError(f"output {str(path)!r} is a folder: name a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"output {str(path)!r} cannot be written: there is no folder {str(path.parent)!r}"
        )
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """See that files can be written to ``folder``, and leave none there.

    Raises:
        OSError: if they cannot; naming it.
    """
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"folder {str(folder)!r} takes no files: {error.strerror}") from error


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
