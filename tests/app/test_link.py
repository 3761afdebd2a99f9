import base64
import json
import re
import zlib

import numpy as np
import pytest

from ldensf_app.link import LARGEST, LONGEST, decode, encode
from ldensf_app.presets import presets
from ldensf_app.scenario import Scenario, sensor_network


def link(contents, version="1"):
    """A link with any contents, made here by itself."""
    if not isinstance(contents, bytes):
        contents = json.dumps(contents).encode()
    zipped = base64.urlsafe_b64encode(zlib.compress(contents))
    return f"{version}.{zipped.decode().rstrip('=')}"


def inside(text):
    packed = text.partition(".")[2]
    return json.loads(zlib.decompress(base64.urlsafe_b64decode(packed + "===")))


def test_every_preset_comes_back():
    for preset in presets().values():
        text = encode(preset.scenario)
        assert decode(text) == preset.scenario
        assert re.fullmatch(r"[A-Za-z0-9._-]+", text)


def test_a_hundred_sensors_by_hand_are_short_and_stand_in_the_same_places():
    positions = np.random.default_rng(0).random((100, 2)) * 1000
    scenario = Scenario(positions=positions.tolist())
    text = encode(scenario)
    assert len(text) < 2000
    assert sensor_network(decode(text)) == sensor_network(scenario)


def test_everything_comes_back():
    scenario = Scenario(
        benchmark="atmosphere",
        filters=["ld-ensf@200", "ld-ensf", "letkf@5"],
        model_error="more-diffusion",
        positions=[[359.97, -90], [12.34, 45.67]],
        variables=["h"],
        every=3,
        noise=0.25,
        missing=0.1,
        members=50,
        full_space_members=10,
        options={"letkf": {"radius": float("inf")}, "ld-ensf": {"rule": "published"}},
        seed=123,
        changes=[[10, {"assimilate": False}], [20, {"noise": 0.5, "members": 5, "every": 2}]],
    )
    assert decode(encode(scenario)) == scenario


def test_a_link_says_all_that_decides_the_run():
    """Its run is the same when defaults have changed."""
    assert inside(encode(Scenario())).keys() == Scenario.model_fields.keys() - {
        *("positions", "variables", "options", "changes")
    }


def test_the_largest_scene_fits_and_a_larger_one_is_refused():
    positions = np.random.default_rng(0).random((1024, 2)) * 1000
    scenario = Scenario(positions=positions.tolist())
    assert decode(encode(scenario)) == scenario
    changes = [(cycle, {"positions": positions[::-1].tolist()}) for cycle in range(1, 10)]
    with pytest.raises(ValueError, match=r"too large for a link: .* are allowed"):
        encode(Scenario(positions=positions.tolist(), changes=changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged"),
        ("hello", "damaged"),
        ("1.", "damaged"),
        ("1.%%%", "damaged"),
        ("1.ÄÖÜ", "damaged"),
        (link({}, "2"), "version '2', and version '1' is needed"),
        (link({})[:-4], "damaged"),
        (link({}) + "AAAA", "damaged"),
        ("1." + base64.urlsafe_b64encode(b"not zipped").decode(), "damaged"),
        (link(b"\xff\xfe"), "damaged"),
        (link([1, 2]), "damaged"),
        (link("text"), "damaged"),
        (link(b"{" * 60_000), "damaged"),
        (link(b"[" * 60_000), "damaged"),
        (link(b'{"seed": ' + b"9" * 60_000 + b"}"), "damaged"),
        (link(b" " * (LARGEST + 1)), "more than 65536 bytes"),
        (link(b"\0" * 10_000_000), "more than 65536 bytes"),
        ("1." + "A" * LONGEST, "characters, and 16000 are allowed"),
        (link({"noise": "0.1"}), "noise = '0.1': a number is needed"),
        (link({"noise": [0.1]}), r"noise = \[0.1\]: a number is needed"),
        (link(b'{"noise": NaN}'), "noise = nan: a finite number is needed"),
        (link(b'{"noise": -Infinity}'), "noise = -inf: a finite number is needed"),
        (link(b'{"noise": 1e999}'), "noise = inf: a finite number is needed"),
        (link(b'{"positions": [[NaN, 1]]}'), "a finite number is needed"),
        (link({"positions": [[1, 1]] * 5000}), "at most 1024"),
        (link({"changes": [[1, {"noise": 0.1}]] * 2000}), "at most 100"),
        (link({"filters": ["ld-ensf"] * 3000}), "at most 6"),
        (link({"filters": ["os.system"]}), "allowed are ld-ensf"),
        (link({"filters": {"ld-ensf": 1}}), "a list is needed"),
        (link({"benchmark": "/etc/passwd.nc"}), "allowed are kolmogorov"),
        (link({"benchmark": None}), "benchmark = None: a text is needed"),
        (link({"seed": 10**300}), "allowed is 0 to 9999"),
        (link({"options": {"ld-ensf": {"__class__": 1}}}), "allowed are rule, epsilon"),
        (link({"options": [1]}), "values by name are needed"),
        (link({"__init__": 1}), "there is no such entry"),
        (link({"self": 1}), "there is no such entry"),
    ],
)
def test_hostile_links_are_refused_in_words(text, message):
    with pytest.raises(ValueError, match=message) as told:
        decode(text)
    assert str(told.value).startswith("This link cannot be opened: ")
    assert len(str(told.value)) < 700
