import numpy as np
import pytest
import torch

from ldensf_core.scores import relative_rmse


def test_prediction_has_the_form_of_a_simulation(tsunami, model):
    draws = tsunami.sample_parameters(2, seed=5)
    predicted, simulated = model.predict(draws), tsunami.simulate(draws)
    assert predicted.sizes == simulated.sizes
    assert set(predicted.coords) == set(simulated.coords)
    assert all(predicted[name].identical(simulated[name]) for name in simulated.coords)
    assert predicted.attrs | {"source": simulated.source} == simulated.attrs
    assert "surrogate" in predicted.source and "solver" in simulated.source
    for name, field in simulated.data_vars.items():
        assert predicted[name].dims == field.dims
        assert predicted[name].attrs == field.attrs
        assert predicted[name].dtype == field.dtype


def test_prediction_is_close_to_the_solver(tsunami, model, truths, true_parameters):
    for i in (0, 2):
        x, y = true_parameters[i].tolist()
        run = model.predict({"source_x": x, "source_y": y})
        fields = torch.as_tensor(np.stack([run[v.name].values for v in tsunami.variables], axis=1))
        error = [relative_rmse(tsunami, f, t) for f, t in zip(fields, truths[i], strict=True)]
        assert np.mean(error) < 0.03


def test_one_trajectory_has_no_trajectory_dimension(model):
    one = model.predict({"source_x": 200.0, "source_y": 300.0})
    assert one.eta.dims == ("time", "y", "x") and one.source_y.item() == 300.0


def test_trajectories_do_not_depend_on_their_company(tsunami, model):
    draws = tsunami.sample_parameters(3, seed=6)
    together, alone = model.predict(draws), model.predict(draws.isel(trajectory=1))
    for name in ("u", "v", "eta"):
        np.testing.assert_allclose(together[name][1], alone[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"source_x": 10.0}, r"missing: \['source_y'\]"),
        ({"source_x": 10.0, "source_y": 501.0}, "source_y = 501 km: allowed is 0 to 500"),
        ({"source_x": np.nan, "source_y": 1.0}, "source_x = nan km: allowed is 0 to 500"),
    ],
)
def test_bad_parameters_are_named(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        model.predict(parameters)
