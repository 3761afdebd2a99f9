"""The page of times, from rows of known numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import performance
from ldensf_core.device import environment
from report import command, timings

DOCS = Path(__file__).parents[2] / "docs"
GPU = "NVIDIA H100 80GB HBM3"


def row(implementation, members, forecast, analysis, device=GPU, benchmark="tsunami"):
    latent = implementation != "full-space-ensf"
    cycle = forecast + analysis
    return {
        "benchmark": benchmark,
        "implementation": implementation,
        "members": members,
        "device": device,
        "cycle_ms": cycle,
        "cycle_ms_10": 0.9 * cycle,
        "cycle_ms_90": 1.2 * cycle,
        "forecast_ms": forecast,
        "analysis_ms": analysis,
        "encode_ms": 0.5 * analysis if latent else None,
        "peak_memory_mb": 50.0,
        "operations": 2.5e6 if latent else None,
        "bytes": 3e6 if latent else None,
        "limit_ms": 0.004 if latent else None,
    }


ROWS = [
    row("full-space-ensf", 20, 40.0, 2.0),
    row("this", 20, 0.02, 0.08),
    row("published-loop", 20, 0.04, 20.0),
    row("this", 1000, 0.1, 0.1),
    row("this", 20, 0.2, 0.6, device="cpu (1 threads, AVX2)"),
    row("this", 20, 0.02, 0.08, benchmark="kolmogorov"),
]
GROWTH = {
    "rows": [
        {"benchmark": "tsunami", "quantity": "latent_cycle", "along": "members", "size": 20,
         "ms": 0.1, "memory_mb": 50.0, "device": GPU}
    ],
    "exponents": [
        {"quantity": "latent_cycle", "along": "members", "sizes": "1000 to 10000", "time": 0.456,
         "memory": 0.123}
    ],
    "environment": environment(),
}  # fmt: skip


@pytest.fixture
def docs(tmp_path):
    """The page as it is shipped, whatever stands in it."""
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "performance.md", tmp_path / "docs")
    return tmp_path / "docs"


def between(docs, name):
    text = (docs / "performance.md").read_text()
    return text.split(f"<!-- begin {name} -->")[1].split(f"<!-- end {name} -->")[0].strip()


def bench_file(path, rows):
    path.write_text(json.dumps({"rows": rows, "environment": environment()}))
    return path


def growth_file(path, document=GROWTH):
    path.write_text(json.dumps(document))
    return path


def test_tables(tmp_path, docs):
    file = bench_file(tmp_path / "bench-a.json", ROWS)
    performance.main([file], [growth_file(tmp_path / "growth-a.json")], docs)
    cycles = between(docs, "cycles").splitlines()
    titles = [line for line in cycles if line.startswith("**")]
    assert titles == [
        f"**Kolmogorov flow**, {GPU}, times in ms",
        f"**Tsunami in a closed basin**, {GPU}, times in ms",
        "**Tsunami in a closed basin**, cpu (1 threads, AVX2), times in ms",
    ]
    first = cycles.index(titles[1])
    assert cycles[first + 2 : first + 8] == [
        "| members | implementation | cycle | 10 to 90 % | forecast | analysis | encoder "
        "| memory (MB) | operations (10⁶) | bytes (10⁶) | limit |",
        f"|{' --- |' * 11}",
        "| 20 | LD-EnSF | 0.100 | 0.0900 to 0.120 | 0.0200 | 0.0800 | 0.0400 | 50.0 | 2.50 | 3.00 "
        "| 0.00400 |",
        "| 20 | the same networks run as published | 20.0 | 18.0 to 24.0 | 0.0400 | 20.0 | 10.0 "
        "| 50.0 | 2.50 | 3.00 | 0.00400 |",
        "| 20 | full-space EnSF | 42.0 | 37.8 to 50.4 | 40.0 | 2.00 | – | 50.0 | – | – | – |",
        "| 1000 | LD-EnSF | 0.200 | 0.180 to 0.240 | 0.100 | 0.100 | 0.0500 | 50.0 | 2.50 | 3.00 "
        "| 0.00400 |",
    ]
    assert between(docs, "ratios").splitlines()[-2:] == [
        f"| Tsunami in a closed basin | {GPU} | 20 | the same networks run as published "
        "| 200 | 2.00 | 250 | – |",
        f"| Tsunami in a closed basin | {GPU} | 20 | full-space EnSF "
        "| 420 | 2,000 | 25.0 | 4,000 |",
    ]
    assert between(docs, "growth").splitlines()[-1] == (
        f"| Tsunami in a closed basin | {GPU} | LD-EnSF | members | 1000 to 10000 | 0.46 | 0.12 |"
    )
    runs = between(docs, "runs")
    assert "--bench bench-a.json --growth growth-a.json --output docs`" in runs
    assert runs.count("torch") == 1  # both were measured with the same


def test_ratios_are_on_one_device_and_of_as_many_members():
    found = timings.ratios(ROWS)
    assert [(r["implementation"], r["members"], r["device"]) for r in found] == [
        ("full-space-ensf", 20, GPU),
        ("published-loop", 20, GPU),
    ]
    full, loop = found
    assert full["forecast"] == pytest.approx(40 / 0.02)
    assert full["analysis"] == pytest.approx(2 / 0.08)
    assert full["cycle"] == pytest.approx(42 / 0.1)
    assert loop["forecast"] == pytest.approx(2) and loop["analysis"] == pytest.approx(250)


def test_memory_of_a_process_is_no_growth(tmp_path, docs):
    rows = [GROWTH["rows"][0] | {"device": "cpu (2 threads, AVX2)"}]
    growth = growth_file(tmp_path / "g.json", GROWTH | {"rows": rows})
    performance.main([bench_file(tmp_path / "b.json", ROWS[1:2])], [growth], docs)
    assert between(docs, "growth").endswith("| 1000 to 10000 | 0.46 | – |")
    assert between(docs, "ratios") == ""


def test_text_outside_of_the_markers_is_kept(tmp_path, docs):
    target = docs / "performance.md"
    shipped = target.read_text()
    file = bench_file(tmp_path / "b.json", ROWS)
    performance.main([file], [growth_file(tmp_path / "g.json")], docs)
    performance.main([file], None, docs)
    assert between(docs, "growth") == ""
    assert target.read_text().startswith(shipped.split("<!-- begin")[0])


def test_figure_is_a_picture_of_both_devices(tmp_path, docs):
    performance.main([bench_file(tmp_path / "b.json", ROWS)], None, docs)
    path = docs / "images" / "cycle-members.png"
    assert 5_000 < path.stat().st_size < 100_000
    with Image.open(path) as image:
        assert image.format == "PNG" and min(image.size) > 150
        assert len(np.unique(np.asarray(image.convert("L")))) > 20


def test_one_measurement_in_two_files_is_named(tmp_path, docs):
    files = [bench_file(tmp_path / name, ROWS[:2]) for name in ("a.json", "b.json")]
    with pytest.raises(ValueError, match=r"this of tsunami, 20 members, on .* is in two files"):
        performance.main(files, None, docs)


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "there is no such file"),
        ("notes", "is nothing that ldensf bench --json prints"),
        ("[]", "is nothing that ldensf bench --json prints"),
        (json.dumps({"rows": [], "environment": {}}), "is nothing that ldensf bench"),
        (json.dumps(GROWTH), "is nothing that ldensf bench --json prints"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, docs, monkeypatch, capsys, text, message):
    path = tmp_path / "b.json"
    if text is not None:
        path.write_text(text)
    before = (docs / "performance.md").read_text()
    monkeypatch.setattr("sys.argv", ["performance.py", "--bench", str(path), "--output", str(docs)])
    with pytest.raises(SystemExit, match="2"):
        command.run(performance.main, several=["--bench", "--growth"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("performance.py: ") and message in line
    assert (docs / "performance.md").read_text() == before
