import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from ldensf_core.benchmarks import Tsunami
from ldensf_core.surrogate import SpectralSizes, SurrogateError
from ldensf_core.weights.architecture import (
    Architecture,
    DynamicsSizes,
    EncoderSizes,
    VAEArchitecture,
    VAEEncoderSizes,
    build_encoder,
    build_ldnet,
    build_vae,
)
from ldensf_core.weights.card import CheckpointError, described, save_card
from ldensf_core.weights.checkpoints import (
    PRETRAINED,
    VAE,
    load_pretrained,
    load_surrogate,
    load_vae,
    round_as_stored,
    save_part,
    save_weights,
)

WEIGHTS = ("ldnet.safetensors", "encoder.safetensors", "error.safetensors")
SMALL = Architecture(
    4,
    "spectral",
    SpectralSizes(coefficients=192, width=128, blocks=1, last=128, features=12),
    DynamicsSizes(width=160, layers=2),  # its matrix is large, and yet keeps its precision
    EncoderSizes(coefficients=48, width=128, memory=96),
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the shipped weights and their card, to be damaged."""
    return shutil.copytree(PRETRAINED / "tsunami", tmp_path / "tsunami")


def edit(folder, change):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def refused(folder, match):
    with pytest.raises(CheckpointError, match=match):
        load_pretrained("tsunami", "cpu", folder)


# -- the shipped weights ------------------------------------------------------------------


def test_shipped_weights_load(tsunami):
    model = load_pretrained("tsunami", "cpu")
    assert model.benchmark is tsunami
    assert model.device == torch.device("cpu")
    modules = (model.ldnet, model.encoder, model.error)
    for tensor in (t for m in modules for t in m.state_dict().values()):
        assert tensor.dtype == torch.float32 and tensor.device.type == "cpu"
        assert tensor.isfinite().all()
    assert not any(p.requires_grad for m in modules for p in m.parameters())
    assert not any(m.training for m in modules)


def test_benchmark_itself_may_be_given():
    """On another grid than the registered one."""
    basin = Tsunami(75)  # with as many cells of the surrogate's error
    model = load_pretrained(basin, "cpu")
    assert model.benchmark is basin
    assert model.ldnet.decode(torch.zeros(1, 10)).shape == (1, 3, 75, 75)
    surrogate, _ = load_surrogate(basin, torch.device("cpu"), PRETRAINED / "tsunami")
    assert torch.equal(surrogate.decode(torch.ones(1, 10)), model.ldnet.decode(torch.ones(1, 10)))


def test_card_tells_where_the_weights_come_from():
    card = load_pretrained("tsunami", "cpu").card
    assert card["benchmark"] == "tsunami"
    for name in WEIGHTS:
        data = (PRETRAINED / "tsunami" / name).read_bytes()
        assert card["files"][name] == hashlib.sha256(data).hexdigest()
    assert card["training"]["command"].startswith("ldensf train tsunami")
    assert card["calibration"]["inflation"] > 0
    error = card["surrogate_error"]
    assert error["test"] <= 0.0168 < error["nearest training run"]
    assert error["linear interpolation"] < error["climatology"]


def test_shipped_folder_is_small_enough():
    assert sum(f.stat().st_size for f in (PRETRAINED / "tsunami").iterdir()) < 12 * 2**20


def test_device_auto_is_one_that_is_there():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert load_pretrained("tsunami", "auto").device.type == expected


# -- what cannot be loaded ----------------------------------------------------------------


def test_unknown_benchmark_is_named():
    with pytest.raises(ValueError, match=r"'tsunamy' is unknown; there are .*tsunami"):
        load_pretrained("tsunamy")


@pytest.mark.parametrize("device", ["gpu", "cpuu", ""])
def test_unknown_device_is_named(device):
    with pytest.raises(
        ValueError, match=f"device '{device}' is unknown; there are auto, cpu, cuda"
    ):
        load_pretrained("tsunami", device)


def test_unsupported_device_is_named():
    with pytest.raises(
        ValueError, match="device 'meta' is not supported; there are auto, cpu, cuda"
    ):
        load_pretrained("tsunami", "meta")


def test_cuda_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device 'cuda': torch finds no CUDA GPU here; use 'cpu'"):
        load_pretrained("tsunami", "cuda")


def test_missing_folder_is_named_with_what_to_do(tmp_path):
    where = tmp_path / "tsunami"
    refused(where, f"no trained weights in {re.escape(str(where))}.*`ldensf train tsunami`")


@pytest.mark.parametrize("load", [load_pretrained, load_vae])
def test_benchmark_without_weights_is_told_so(load):
    basin = Tsunami(16)
    basin.name = "basin"
    with pytest.raises(CheckpointError, match=r"no trained weights of benchmark 'basin'"):
        load(basin, "cpu")


@pytest.mark.parametrize("name", WEIGHTS)
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, f"{re.escape(str(folder / name))} is missing")


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("place", [0, 100, -1], ids=["first", "header", "last"])
def test_one_wrong_byte_is_noticed(folder, name, place):
    data = bytearray((folder / name).read_bytes())
    data[place] ^= 0x01
    (folder / name).write_bytes(data)
    refused(folder, f"{re.escape(str(folder / name))} is damaged: its SHA-256 is .*the card says")


def test_truncated_file_is_named(folder):
    path = folder / "ldnet.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    refused(folder, f"{re.escape(str(path))} is damaged")


def test_file_that_is_no_safetensors_is_named_even_with_its_digest(folder):
    path = folder / "encoder.safetensors"
    path.write_bytes(b"not weights")
    digest = hashlib.sha256(b"not weights").hexdigest()
    edit(folder, lambda card: card["files"].update({path.name: digest}))
    refused(folder, f"{re.escape(str(path))} does not fit the card's architecture")


def test_weights_of_other_sizes_are_named(folder):
    edit(folder, lambda card: card["architecture"].update(n_latent=11))
    refused(folder, r"ldnet\.safetensors does not fit the card's architecture")


@pytest.mark.parametrize("text", [b"", b"{", b"not JSON", b"\xff\xfe\x00", b"[1, 2]", b"null"])
def test_damaged_card_is_named(folder, text):
    (folder / "card.json").write_bytes(text)
    refused(folder, f"{re.escape(str(folder / 'card.json'))} is damaged")


@pytest.mark.parametrize("other", ["kolmogorov", None])
def test_weights_of_another_benchmark_are_refused(folder, other):
    edit(folder, lambda card: card.update(benchmark=other))
    refused(folder, f"card.json: the weights are for {other!r}, not 'tsunami'")


@pytest.mark.parametrize("entry", ["architecture", "files", "calibration"])
@pytest.mark.parametrize("value", [..., None, [], {}], ids=["absent", "null", "list", "empty"])
def test_card_without_what_is_needed_is_refused(folder, entry, value):
    edit(folder, lambda card: card.pop(entry) if value is ... else card.update({entry: value}))
    refused(folder, rf"card.json: {entry}.*(should be an object|missing)")


@pytest.mark.parametrize(
    "entry",
    [
        "architecture.n_latent",
        "architecture.decoder",
        "architecture.decoder.kind",
        "architecture.decoder.width",
        "architecture.dynamics.layers",
        "architecture.encoder.memory",
        "files.encoder*safetensors",
        "calibration.process_noise",
    ],
)
def test_card_that_lacks_an_entry_is_refused(folder, entry):
    *parents, last = (part.replace("*", ".") for part in entry.split("."))

    def remove(card):
        for parent in parents:
            card = card[parent]
        card.pop(last)

    edit(folder, remove)
    refused(folder, f"card.json: {re.escape(entry.replace('*', '.'))}: .* is missing")


@pytest.mark.parametrize("part", ["architecture", "decoder", "dynamics", "encoder"])
def test_unknown_size_in_the_card_is_named(folder, part):
    place = "architecture" if part == "architecture" else f"architecture.{part}"

    def add(card):
        entry = card["architecture"]
        (entry if part == "architecture" else entry[part]).update(heads=4)

    edit(folder, add)
    refused(folder, f"card.json: {place}.heads = 4: there is no such entry")


@pytest.mark.parametrize(
    "size, said",
    [
        (0, "greater than 0"),
        (-3, "greater than 0"),
        (2.5, "a valid integer"),
        ("512", "a valid integer"),
        (True, "a valid integer"),
        (None, "a valid integer"),
    ],
)
@pytest.mark.parametrize("part", ["decoder", "dynamics", "encoder"])
def test_impossible_size_in_the_card_is_named(folder, part, size, said):
    edit(folder, lambda card: card["architecture"][part].update(width=size))
    place = f"architecture.{part}.width"
    refused(folder, f"card.json: {place} = {size!r}: Input should be {said}")


@pytest.mark.parametrize("kind", ["wavelets", "", 3, None])
def test_unknown_kind_of_decoder_is_named_with_those_there_are(folder, kind):
    edit(folder, lambda card: card["architecture"]["decoder"].update(kind=kind))
    known = "is unknown here; there are spectral, coordinates" if isinstance(kind, str) else ""
    refused(folder, f"card.json: architecture.decoder.kind = {kind!r}.*{known}")


def test_sizes_of_another_decoder_are_refused(folder):
    edit(folder, lambda card: card["architecture"]["decoder"].update(kind="coordinates"))
    refused(folder, r"card.json: architecture\.decoder\.layers: this entry is missing")


@pytest.mark.parametrize("value", ["much", None, float("nan")])
def test_calibration_that_is_no_number_is_named(folder, value):
    edit(folder, lambda card: card["calibration"].update(inflation=value))
    refused(folder, f"card.json: calibration.inflation = {value!r}: Input should be a .*number")


# -- there and back -----------------------------------------------------------------------


def write(folder, tsunami, architecture=SMALL):
    ldnet, encoder = (
        build_ldnet(tsunami, architecture),
        build_encoder(tsunami, 4, architecture.encoder),
    )
    round_as_stored(ldnet)
    round_as_stored(encoder)
    error = SurrogateError(tsunami)
    error.deviation[3] = 1
    error.slopes[0] = 2
    card = {
        "benchmark": "tsunami",
        "architecture": described(architecture),
        "files": save_weights(folder, ldnet, encoder, error),
        "calibration": {"inflation": 1.5, "process_noise": 0.01},
        "training": {"command": "μ"},
    }
    save_card(folder, card)
    return ldnet, encoder, card


@torch.inference_mode()
def test_what_was_rounded_and_saved_is_what_is_loaded(tsunami, tmp_path):
    ldnet, encoder, card = write(tmp_path / "new" / "tsunami", tsunami)
    model = load_pretrained("tsunami", "cpu", tmp_path / "new" / "tsunami")
    assert model.card == card
    parameters = torch.rand(2, 2)
    states, loaded = ldnet.rollout(parameters, 5), model.ldnet.rollout(parameters, 5)
    assert torch.equal(states, loaded)
    assert torch.equal(ldnet.decode(states), model.ldnet.decode(loaded))
    unknown = torch.rand(2, 5, encoder.interpolation.count)
    inputs = torch.randn(2, 5, 48), unknown, torch.arange(5.0).expand(2, 5)
    for one, other in zip(encoder(*inputs), model.encoder(*inputs), strict=True):
        assert torch.equal(one, other)
    middle = torch.zeros(2)
    at_3 = model.error.at(3, middle)
    assert torch.allclose(at_3, torch.ones(())) and (model.error.at(2, middle) == 0).all()
    assert torch.allclose(model.error.at(3, torch.tensor([0.5, 0.0])), torch.tensor(1.0).exp())


def test_only_matrices_that_can_afford_it_lose_precision(tsunami):
    """Dynamics, biases and small matrices stay; the rest is off by half precision's rounding."""
    ldnet = build_ldnet(tsunami, SMALL)
    before = {name: tensor.clone() for name, tensor in ldnet.state_dict().items()}
    round_as_stored(ldnet)
    changed = set()
    for name, tensor in ldnet.state_dict().items():
        if name != "decoder.last.weight":
            torch.testing.assert_close(tensor, before[name], rtol=2**-11, atol=1e-7)
        if not torch.equal(tensor, before[name]):
            changed.add(name)
    # 128 × 128 each, and 192 × 128; the hidden matrix of the dynamics, 160 × 160, is none.
    assert changed == {
        "decoder.blocks.0.first.weight",
        "decoder.blocks.0.second.weight",
        "decoder.widen.weight",
        "decoder.last.weight",
    }


def test_last_layer_is_precise_where_coefficients_are_large(tsunami):
    """An eighth of its rows in half precision, the others to half a step of 127 to a side."""
    ldnet = build_ldnet(tsunami, SMALL)
    scales = torch.rand(ldnet.decoder.basis.count) + 0.1
    ldnet.decoder.scales.copy_(scales)
    before = ldnet.decoder.last.weight.detach().clone()
    round_as_stored(ldnet)
    after = ldnet.decoder.last.weight.detach()
    order = scales.argsort(descending=True)
    fine, coarse = order[: len(order) // 8], order[len(order) // 8 :]
    torch.testing.assert_close(after[fine], before[fine], rtol=2**-11, atol=1e-7)
    error = (after - before)[coarse].abs()
    step = before[coarse].abs().amax(dim=1, keepdim=True) / 127
    assert (error <= 0.501 * step).all()
    assert error.max() > 0.4 * step.min()  # these are coarse indeed
    rounded = after.clone()
    round_as_stored(ldnet)
    torch.testing.assert_close(ldnet.decoder.last.weight.detach(), rounded, rtol=1e-6, atol=0)


def test_saving_leaves_nothing_half_written(tsunami, tmp_path):
    write(tmp_path, tsunami)
    assert {f.name for f in tmp_path.iterdir()} == {*WEIGHTS, "card.json"}


# -- the coupled autoencoder, which a folder may lack -------------------------------------

VAE_SIZES = VAEArchitecture(
    6,
    "spectral",
    SpectralSizes(150, width=32, blocks=1, last=96, features=8, frequency=3.0),
    VAEEncoderSizes(90, width=128, blocks=1),
)


def write_vae(folder, tsunami):
    vae = build_vae(tsunami, VAE_SIZES)
    vae.std.fill_(0.5)
    round_as_stored(vae)
    card = {"benchmark": "tsunami", "files": {}, VAE: {"architecture": described(VAE_SIZES)}}
    card["files"] |= save_part(folder, VAE, vae)
    save_card(folder, card)
    return vae


@pytest.fixture
def with_vae(tmp_path, tsunami):
    write_vae(tmp_path / "tsunami", tsunami)
    return tmp_path / "tsunami"


def vae_refused(folder, tsunami, match):
    with pytest.raises(CheckpointError, match=match):
        load_vae(tsunami, "cpu", folder)


def test_autoencoder_that_was_rounded_and_saved_is_what_is_loaded(tsunami, tmp_path):
    vae = write_vae(tmp_path, tsunami)
    loaded = load_vae(tsunami, "cpu", tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"vae.safetensors", "card.json"}
    for name, tensor in vae.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-6, atol=0)
    assert not any(p.requires_grad for p in loaded.parameters()) and not loaded.training


def test_autoencoder_goes_on_any_grid_of_its_benchmark(with_vae):
    fields = torch.zeros(2, 3, 40, 40)
    vae = load_vae(Tsunami(40), "cpu", with_vae)
    assert vae.fields(vae.of_fields(fields).mean).shape == fields.shape


def test_large_matrices_of_the_autoencoder_are_kept_in_eight_bits(tsunami):
    """To half a step of 127 to a side in each row; all else exactly."""
    vae = build_vae(tsunami, VAE_SIZES)
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    round_as_stored(vae)
    changed = set()
    for name, tensor in vae.state_dict().items():
        if not torch.equal(tensor, before[name]):
            changed.add(name)
            step = before[name].abs().amax(dim=1, keepdim=True) / 127
            assert ((tensor - before[name]).abs() <= 0.501 * step).all()
    encoders = "state_encoder", "observation_encoder"
    matrices = "first", "blocks.0.first", "blocks.0.second"
    assert changed == {
        *(f"{encoder}.{matrix}.weight" for encoder in encoders for matrix in matrices),
        "decoder.last.weight",
    }


def test_without_an_autoencoder_the_rest_loads_and_its_maker_is_named(tsunami, folder):
    edit(folder, lambda card: card.pop(VAE, None))
    load_pretrained("tsunami", "cpu", folder)
    where = re.escape(str(folder))
    make = f"`ldensf train tsunami --part vae --output {where}`"
    vae_refused(folder, tsunami, f"no coupled autoencoder in {where}.*{make}")


def test_no_card_at_all_is_named_with_what_to_do(tsunami, tmp_path):
    vae_refused(tmp_path / "tsunami", tsunami, "no trained weights in .*`ldensf train tsunami`")


def test_missing_or_damaged_autoencoder_is_named(tsunami, with_vae):
    path = with_vae / "vae.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x01
    path.write_bytes(data)
    vae_refused(with_vae, tsunami, f"{re.escape(str(path))} is damaged: its SHA-256 is ")
    path.unlink()
    vae_refused(with_vae, tsunami, f"{re.escape(str(path))} is missing")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda card: card.update(benchmark="kolmogorov"), "weights are for 'kolmogorov'"),
        (lambda card: card.update(vae=None), "vae = None: Input should be .*object|dictionary"),
        (lambda card: card.update(files={}), r"files\.vae\.safetensors: .* is missing"),
        (lambda card: card[VAE].pop("architecture"), "vae.architecture = None: "),
        (
            lambda card: card[VAE]["architecture"]["decoder"].pop("last"),
            r"vae\.architecture\.decoder\.last: .*missing",
        ),
        (
            lambda card: card[VAE]["architecture"]["encoder"].update(width=2.5),
            r"vae\.architecture\.encoder\.width = 2\.5: ",
        ),
        (
            lambda card: card[VAE]["architecture"].update(heads=4),
            r"vae\.architecture\.heads = 4: there is no such",
        ),
        (
            lambda card: card[VAE]["architecture"].update(n_latent=7),
            r"vae\.safetensors does not fit the card's architecture",
        ),
    ],
)
def test_card_that_does_not_fit_the_autoencoder_is_refused(tsunami, with_vae, change, message):
    edit(with_vae, change)
    vae_refused(with_vae, tsunami, message)
