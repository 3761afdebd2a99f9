"""What a scene says: its sentence, then whom to wait for, then its note."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ldensf_app import moments
from ldensf_app.presets import presets
from ldensf_app.scenes import settings_of
from ldensf_app.settings import Settings
from ldensf_app.snapshot import Record, Snapshot
from ldensf_app.view import View

SCENE = presets()["dense-and-clean"]
MOMENT = SCENE.moment
SETUP = Settings(**settings_of(SCENE.scenario)).setup()
LATENT = [label for label in SETUP.filters if "letkf" not in label and label != "ensf"]


def snapshot(labels, index, setup=SETUP, **more):
    one = Record(0.1, 0.1, 500.0, math.nan, math.nan, 5.0, True, np.zeros((2, 2)), None, None)
    records = tuple(dict.fromkeys(labels, one) for _ in range(index + 1))
    return Snapshot(phase="playing", setup=setup, index=index, records=records, **more)


def test_without_a_scene_nothing_is_said():
    idle = Snapshot(phase="idle", setup=SETUP)
    assert moments.told(None, [], View(snapshot(LATENT, 50), idle)) == ""


def test_the_note_comes_when_all_filters_of_the_scene_have_reached_its_moment():
    latent, behind = snapshot(LATENT, MOMENT), snapshot(["ensf", "letkf"], MOMENT - 4)
    early = moments.told(SCENE, [], View(snapshot(LATENT, MOMENT - 1), behind))
    assert SCENE.sentence in early and SCENE.note not in early and "wait" not in early
    told = moments.told(SCENE, [], View(latent, behind))
    assert SCENE.note not in told
    assert f"wait for EnSF, which is at step {MOMENT - 4}, 4 s more." in told
    told = moments.told(SCENE, [], View(latent, snapshot(["ensf", "letkf"], MOMENT)))
    assert SCENE.note in told and f"Step {MOMENT}:" in told and "wait" not in told


def test_of_members_that_spin_up_it_says_how_long():
    scene = presets()["noise-storm"]
    setup = Settings(**settings_of(scene.scenario)).setup()
    loading = Snapshot(phase="loading", setup=setup, spun_up=0.25, spin_up_s=5.0)
    latent = snapshot(["ld-ensf", "latent-smoother"], scene.moment, setup)
    told = moments.told(scene, [], View(latent, loading))
    assert "wait for EnSF inpainting (spinning up: 25 %, 15 s left)." in told


@pytest.mark.parametrize("behind", [10, -1])
def test_a_filter_that_a_visitor_left_out_is_not_waited_for(behind):
    setup = replace(SETUP, filters=tuple(LATENT))
    latent = snapshot(LATENT, MOMENT, setup)
    told = moments.told(SCENE, [], View(latent, Snapshot(phase="idle", setup=setup)))
    assert SCENE.note in told
    mine = snapshot(["ensf-inpainting"], behind, setup)  # and one that came in is not, either
    assert SCENE.note in moments.told(SCENE, [], View(latent, mine))
