"""The command ``ldensf``: the library from a shell.

Results go to standard output or to files, progress and messages to standard error.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import xarray as xr

from ldensf_core.arguments import (
    PLACES,
    SENSORS,
    Device,
    Every,
    Filters,
    Layout,
    LayoutOption,
    Members,
    Missing,
    ModelErrorOption,
    Name,
    Noise,
    Options,
    Output,
    Seed,
    Sensors,
    Weights,
    labelled,
    names,
    numbers,
    options_by_filter,
)
from ldensf_core.benchmarks import Benchmark, get_benchmark, list_benchmarks
from ldensf_core.benchmarks.model_errors import NONE
from ldensf_core.device import environment, resolve_device
from ldensf_core.files import check_writable, write_netcdf
from ldensf_core.filters import FILTERS
from ldensf_core.observations import LAYOUTS, SensorNetwork
from ldensf_core.serving import serve
from ldensf_core.speed import COMPARED, implementations
from ldensf_core.speed import bench as run_bench
from ldensf_core.surrogate import DECODERS
from ldensf_core.training.recipes import recipe_for, small, with_decoder
from ldensf_core.training.run import PARTS
from ldensf_core.training.run import train as run_training
from ldensf_core.twin.experiment import TwinExperiment
from ldensf_core.verification.sweep import verify as run_verification
from ldensf_core.verification.table import as_text
from ldensf_core.verification.table import rows as as_rows
from ldensf_core.weights.checkpoints import CheckpointError

app = typer.Typer(
    help="Latent data assimilation: LD-EnSF beside the full-space filter.\n\n"
    f"Benchmarks: {', '.join(list_benchmarks())}.\n\n"
    f"Filters: {', '.join(FILTERS)}.\n\n"
    f"Decoders: {', '.join(DECODERS)}.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Part = StrEnum("Part", list(PARTS))

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in a shell: 128 plus the number of the signal."""


@app.command()
def simulate(
    benchmark: Name,
    output: Output,
    n: Annotated[int, typer.Option(help="Number of trajectories; parameters from the prior.")] = 1,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Run a benchmark's solver and write the fields, in physical units."""
    check_writable(output)
    bench = get_benchmark(benchmark)
    parameters = bench.sample_parameters(n, seed)
    _write(bench.simulate(parameters, resolve_device(device)), output)


@app.command()
def train(
    benchmark: Name,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for weights, card, checkpoints (runs/NAME; for a file NAME.nc, NAME)."
        ),
    ] = None,
    part: Annotated[
        Part, typer.Option(help="All, or one part of existing weights; vae is for latent-ensf.")
    ] = Part.all,
    decoder: Annotated[
        str | None,
        typer.Option(help=f"Kind of decoder: {', '.join(DECODERS)} (by default the recipe's)."),
    ] = None,
    small_run: Annotated[
        bool, typer.Option("--small", help="A short trial: minutes on a CPU, useless weights.")
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train surrogate and encoder, calibrate the filter, write weights and card.

    Repeat the command to resume an interrupted run.
    """
    bench = get_benchmark(benchmark)
    recipe = small(recipe_for(bench)) if small_run else recipe_for(bench)
    if decoder is not None:
        recipe = with_decoder(recipe, decoder)
    folder = output or bench.weights or Path("runs") / benchmark
    card = run_training(benchmark, recipe, folder, seed, resolve_device(device), part.value)
    print(json.dumps(card, indent=2))


@app.command()
def assimilate(
    benchmark: Name,
    output: Output,
    filters: Filters = "ld-ensf,ensf,none",
    sensors: Sensors = None,
    layout: LayoutOption = Layout.grid,
    noise: Noise = 0.1,
    every: Every = 1,
    missing: Missing = 0.0,
    members: Members = 20,
    option: Options = None,
    weights: Weights = None,
    model_error: ModelErrorOption = NONE,
    seed: Seed = 7,
    device: Device = "auto",
) -> None:
    """Run one twin experiment and write truth, observations, estimates, errors and times."""
    check_writable(output)
    bench = _with_weights(benchmark, weights)
    network = SensorNetwork.place(bench, sensors, layout.value, seed)
    experiment = TwinExperiment(
        bench,
        labelled(filters),
        network,
        noise=noise,
        every=every,
        members=members,
        seed=seed,
        device=device,
        missing=missing,
        options=options_by_filter(option),
        truth_benchmark=bench.with_error(model_error),
    )
    _write(experiment.run(progress=True), output)


@app.command()
def verify(
    benchmark: Annotated[str, typer.Option(help=f"One of {', '.join(list_benchmarks())}.")],
    filters: Filters = "ld-ensf,ensf,none",
    truths: Annotated[int, typer.Option(help="Number of test trajectories, from 1 to 40.")] = 10,
    sensors: Annotated[
        str | None, typer.Option(help=f"Numbers of sensors, with commas (by default: {SENSORS}).")
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help=f"Layouts of the sensors, with commas, of: {', '.join(LAYOUTS)} ({PLACES})."
        ),
    ] = "grid",
    variables: Annotated[
        str,
        typer.Option(
            help="Which variables are measured: all, or names joined by +; several choices with "
            "commas: all,eta,u+v."
        ),
    ] = "all",
    noise: Annotated[
        str,
        typer.Option(
            help="Noise levels, with commas, as fractions of each variable's standard deviation."
        ),
    ] = "0.1",
    every: Annotated[
        str, typer.Option(help="Observe every N-th snapshot; several N with commas.")
    ] = "1",
    missing: Missing = 0.0,
    members: Annotated[str, typer.Option(help="Ensemble sizes, with commas.")] = "20",
    option: Options = None,
    weights: Weights = None,
    model_error: ModelErrorOption = NONE,
    seed: Seed = 0,
    device: Device = "auto",
    output: Annotated[
        Path | None, typer.Option(help="File of all scores by time (netCDF), new or to continue.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes to spread the runs over, each with one thread; 0 runs them in this one "
            "(by default one for each core, and 0 on a GPU or for a single run)."
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler; its workers do the runs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score filters on test trajectories: one row for each setting and filter.

    All combinations of the given values are run. With --output, each finished run is saved at
    once: repeat the command to resume an interrupted sweep. Other commands may add to the file.
    """
    scores = run_verification(
        _with_weights(benchmark, weights),
        labelled(filters),
        truths=truths,
        sensors=None if sensors is None else numbers("sensors", sensors, int),
        layout=names(layout),
        variables=names(variables),
        noise=numbers("noise", noise, float),
        every=numbers("every", every, int),
        missing=missing,
        members=numbers("members", members, int),
        options=options_by_filter(option),
        seed=seed,
        device=device,
        progress=True,
        output=output,
        workers=workers,
        scheduler=scheduler,
        model_error=model_error,
    )
    if as_json:
        print(json.dumps({"rows": as_rows(scores), "environment": environment()}, indent=2))
    else:
        print(as_text(as_rows(scores)))


@app.command()
def bench(
    benchmark: Annotated[str, typer.Option(help=f"One of {', '.join(list_benchmarks())}.")],
    members: Annotated[str, typer.Option(help="Ensemble sizes, with commas.")] = "20,100,1000",
    compared: Annotated[
        str,
        typer.Option("--implementations", help=f"With commas, of: {', '.join(implementations())}."),
    ] = ",".join(COMPARED),
    sensors: Sensors = None,
    weights: Weights = None,
    full_space_members: Annotated[
        int, typer.Option(help="Largest ensemble to run the solver for.")
    ] = 20,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Time a cycle: one row for each implementation and ensemble size."""
    sizes = numbers("members", members, int)
    rows = run_bench(benchmark, sizes, names(compared), sensors, full_space_members, device, True)
    if as_json:
        print(json.dumps({"rows": rows, "environment": environment()}, indent=2))
    else:
        print(as_text(rows))


@app.command("app")
def dashboard(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5006,
    address: Annotated[
        str | None, typer.Option(help="Address to listen on (by default all).")
    ] = None,
    prefix: Annotated[str | None, typer.Option(help="Prefix of the path of all pages.")] = None,
    allow_websocket_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Host by which browsers reach the server, besides localhost; repeat for more.",
        ),
    ] = None,
    num_procs: Annotated[
        int, typer.Option(min=0, help="Processes; 0 starts one for each core.")
    ] = 1,
    device: Device = "auto",
    show: Annotated[bool, typer.Option(help="Open it in a browser.")] = False,
    basic_auth: Annotated[
        str | None, typer.Option(help="Password, or a file of users and their passwords.")
    ] = None,
    cookie_secret: Annotated[
        str | None, typer.Option(help="Key that signs logins (by default a new one each time).")
    ] = None,
) -> None:
    """Serve the dashboard; the address is printed. Options are those of `panel serve`."""
    status = serve(
        port,
        address,
        prefix,
        allow_websocket_origin or (),
        num_procs,
        device,
        show,
        basic_auth,
        cookie_secret,
    )
    raise typer.Exit(status)


def main() -> None:
    """Entry point: print one line for an error that a user can correct, not a traceback.

    An interruption is one line too, with exit status 130.
    """
    try:
        app()
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:
            print("ldensf: interrupted", file=sys.stderr)
        raise
    except (ValueError, CheckpointError, OSError) as error:
        print(f"ldensf: {error}", file=sys.stderr)
        sys.exit(2)


def _with_weights(name: str, folder: Path | None) -> Benchmark:
    """The benchmark, with the folder of its trained weights where one is given."""
    benchmark = get_benchmark(name)
    if folder is not None:
        benchmark.weights = folder
    return benchmark


def _write(dataset: xr.Dataset, output: Path) -> None:
    write_netcdf(dataset, output)
    print(output)
