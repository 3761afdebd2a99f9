"""What inpainting does, in the first two hours of one run of the tsunami."""

import json

from bench import inpainting


def test_painting_increments_beats_painting_values_and_not_painting(tsunami, monkeypatch, capsys):
    monkeypatch.setattr(tsunami, "times", tsunami.times[:8])
    inpainting.main("tsunami", truths=1, device="cpu", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"rows", "environment"}
    errors = {row["inpainted"]: row["rel_rmse_final"] for row in document["rows"]}
    assert errors["increments"] < 0.75 * errors["values"] < 0.75 * errors["none"]
