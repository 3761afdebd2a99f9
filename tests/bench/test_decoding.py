"""Times of decoding, of small ensembles after few cycles."""

import json

from typer import Typer
from typer.testing import CliRunner

from bench import decoding

COMMAND = Typer()
COMMAND.command()(decoding.main)


def run(*options):
    fixed = ["--benchmark", "tsunami", "--cycles", "2", "--repeats", "1", "--device", "cpu"]
    return CliRunner().invoke(COMMAND, [*fixed, *options])


def test_one_row_for_each_size_of_the_ensemble():
    document = json.loads(run("--members", "3,40", "--json").stdout)
    assert set(document) == {"rows", "environment"}
    assert [row["members"] for row in document["rows"]] == [3, 40]
    for row in document["rows"]:
        assert list(row) == ["benchmark", "members", "decode_ms", "device"]
        assert row["benchmark"] == "tsunami" and row["decode_ms"] > 0
        assert row["device"].startswith("cpu (1 threads")


def test_table_for_people():
    head, line = run("--members", "2").stdout.splitlines()
    assert head.split() == ["benchmark", "members", "decode_ms", "device"]
    assert line.split()[:2] == ["tsunami", "2"]
