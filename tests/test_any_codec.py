"""The whole pipeline on codecs of other kinds: slow with many entries, projected and normalised.

From a sound to the page of a region, with nothing that knows the numbers of one codec.
"""

import numpy as np
import pytest
import soundfile
import torch
from fakes import FAKE_CODECS

import giblet_core as gc
from giblet_core.autoencoder import (
    NetworkConfig,
    TrainConfig,
    bits_table,
    build_autoencoder,
    finetune_decoder,
    held_out_bits,
    overfit_batch,
    reconstruct,
)
from giblet_core.codecs import CODECS, Codec
from giblet_core.encoding import fit_banded, fit_ridge
from giblet_core.errors import InputError
from giblet_core.features import FEATURES, make_features, random_codec_features
from giblet_core.fmri import load_dataset
from giblet_core.lesions import LESIONS, Piece, sound_effects
from giblet_core.listening import Condition, Conditions, load_conditions, mixer_panel
from giblet_core.regions import region_findings, trained_generator, write_region_page
from giblet_core.timing import AudioProcessor, contiguous_folds
from giblet_core.validation.simulation import simulate, stand_in_sound

pytestmark = pytest.mark.slow

EVENTS = (
    "onset\tduration\ttrial_type\tlabel\n"
    "0\t60\tscene\tday\n"
    "60\t65\tscene\tnight\n"
    "5\t30\tspeech\tone\n"
    "70\t40\tspeech\ttwo\n"
)
T_R = 1.5


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The fake codecs have names, as any codec has that is added to the registry."""
    with pytest.MonkeyPatch.context() as patch:
        for name, entry in FAKE_CODECS.items():
            patch.setitem(CODECS, name, entry)
        yield


@pytest.fixture(scope="module", params=FAKE_CODECS)
def stim(request, registered, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    codec = gc.load_codec(request.param)
    wave = stand_in_sound(np.random.default_rng(0), 125.0, codec.sample_rate)
    soundfile.write(folder / "film.flac", wave, codec.sample_rate, subtype="PCM_16")
    (folder / "film_events.tsv").write_text(EVENTS)
    rate_kbps = codec.bandwidths_kbps[-1]
    return gc.ensure_stimulus(folder / "film.flac", request.param, rate_kbps, folder / "artifacts")


@pytest.fixture(scope="module")
def data(stim):
    simulation = simulate(
        0, stim.codes, 3, codec=stim.codec, wave=stim.wave, run_n_trs=(40, 40), voxel_mm=10
    )
    return load_dataset(simulation.save(stim.folder / "volumes", stimulus="../../film.flac"))


@pytest.fixture(scope="module")
def piece(stim):
    """Six seconds."""
    return stim.codes_piece(10.0, 16.0)


def test_a_codec_is_what_the_protocol_lists(stim):
    assert isinstance(stim.codec, Codec)


def test_sound_becomes_codes_on_disk_and_sound_again(stim, tmp_path):
    codes = gc.Codes.load(stim.codes.save(tmp_path / "film.npz"))
    assert codes == stim.codes
    assert codes.cardinality == stim.codec.cardinality
    assert codes.first(2) == stim.codec.encode(stim.wave, stim.codec.bandwidths_kbps[0])
    decoded = stim.codec.decode(codes)
    assert decoded.shape == stim.wave.shape
    assert np.corrcoef(decoded, stim.wave)[0, 1] > 0.3
    latents = stim.codec.latents(codes).sum(0)
    assert np.array_equal(stim.codec.decode_latents(latents, codes.n_samples), decoded)


def test_windows_of_trs_lose_no_frame(stim):
    grid = stim.grids[0]
    windows = grid.windows(stim.codes)
    edges = grid.frame_edges(stim.codes.frame_rate)
    assert windows.array.shape[-1] == int(T_R * stim.codec.frame_rate)
    assert grid.join(windows) == stim.codes.crop_frames(edges[0], edges[-1])


def test_the_seeds_door_gives_the_original_frames_back(stim):
    codec = stim.codec
    door = AudioProcessor(codec=codec.id, bandwidth_kbps=codec.bandwidths_kbps[-1])
    features, meta = door.audio_to_features(stim.wave)
    n_frames = stim.grids[0].frame_edges(codec.frame_rate)[-1]
    expected = codec.decode(stim.codes.crop_frames(0, int(n_frames)))
    assert np.array_equal(door.features_to_audio(features, meta), expected)


def test_every_feature_space_but_the_random_encoder_is_made(stim, data):
    spaces = make_features(stim, data.grids)
    assert set(FEATURES) - set(spaces) == {"random codec"}
    for parts in spaces.values():
        for space in parts:
            assert len(space.values) == data.n_trs
            assert np.isfinite(space.values).all()
            assert space.values.std() > 0
    with pytest.raises(InputError, match="UntrainedEncoder"):
        random_codec_features(stim.codec, stim.wave, data.grids)


def test_codebooks_predict_the_regions_that_follow_them(stim, data):
    spaces = make_features(stim, data.grids, ["codebooks", "envelope"])
    bold = np.mean([data.bold(subject) for subject in data.subjects], axis=0)
    regions = np.stack([bold[:, data.atlas == k].mean(1) for k in np.unique(data.atlas)[1:]], 1)
    folds = contiguous_folds(data.n_trs, 4, 4, data.run_onsets)
    options = {"run_onsets": data.run_onsets, "embargo": 4}
    envelope = fit_ridge(spaces["envelope"][0].values, regions, folds, **options)
    assert np.nanmax(envelope.r) > 0.3
    codebooks = [space.values for space in spaces["codebooks"]]
    equal = np.full((1, len(codebooks)), 1 / len(codebooks))
    together = fit_banded(codebooks, regions, folds, gammas=equal, **options)
    assert np.nanmax(together.r) > 0.2


@pytest.mark.parametrize("mode", LESIONS)
def test_a_lesion_changes_its_codebook_alone(stim, piece, mode):
    donor = stim.codes_piece(80.0, 86.0)
    intact = stim.codec.latents(piece)
    assert np.array_equal(gc.lesion(stim.codec, piece, [], mode, donor=donor), intact)
    lesioned = gc.lesion(stim.codec, piece, [1], mode, donor=donor)
    changed = np.flatnonzero((lesioned != intact).any((1, 2)))
    allowed = range(1, len(intact)) if mode == "reencode" else [1]
    assert set(changed) <= set(allowed)
    assert 1 in changed
    decoded = stim.codec.decode_latents(lesioned.sum(0), piece.n_samples)
    assert np.isfinite(decoded).all()


def test_reencoding_asks_the_codec_which_entry_is_nearest(stim, piece):
    """What is left of the intact latents is quantised level by level, in the codec's own way."""
    codec = stim.codec
    intact = codec.latents(piece)
    residual = intact.sum(0).T
    lesioned = gc.lesion(codec, piece, [0], "reencode")
    assert not lesioned[0].any()
    for k in range(1, len(intact)):
        entries = codec.nearest(k, residual)
        assert np.array_equal(lesioned[k], codec.codebooks[k][entries].T)
        residual = residual - lesioned[k].T


def test_effects_of_lesions_are_scored(stim, piece):
    lesions = {f"omit {k}": {"codebooks": [k]} for k in range(2)}
    table = sound_effects(stim.codec, {"piece": Piece(piece, "speech")}, lesions)
    assert (table.log_mel_db > 0).all()


def test_the_autoencoder_learns_windows_and_gives_sound(stim):
    codes, codec = stim.codes, stim.codec
    n_frames = stim.grids[0].frames_a_tr(codec.frame_rate)
    codebooks = codec.codebooks[: codes.num_codebooks]
    network = NetworkConfig(
        codes.num_codebooks, n_frames, codec.cardinality, encoder_hidden=32, decoder_hidden=64
    )
    model = build_autoencoder(network, 0, codebooks)
    batch = torch.from_numpy(stim.grids[0].windows(codes).array[10:14].astype(np.int64))
    accuracy = overfit_batch(model, batch, steps=60)
    assert accuracy[-1] > accuracy[0] + 0.3
    config = TrainConfig(steps=4, batch_size=8, eval_every=2, n_blocks=1, embargo_s=3.0)
    gc.fit(model, codes, config, codebooks=codebooks, progress=False)
    bits = bits_table(held_out_bits(model, codes, config))
    assert np.isfinite(bits.autoencoder).all()
    rebuilt = reconstruct(
        model, codes.crop_frames(0, 3 * n_frames), codebooks, nearest=codec.nearest
    )
    assert rebuilt.cardinality == codec.cardinality
    assert codec.decode(rebuilt).shape == (rebuilt.n_samples,)


def test_conditions_and_the_mixer_are_made(stim, piece, capsys):
    codec = stim.codec
    top_kbps = codec.bandwidths_kbps[-1]
    asked = Conditions(
        (
            *load_conditions().conditions,
            Condition("codec", "codec", {"bandwidth_kbps": top_kbps}),
            Condition("lesioned", "lesion", {"bandwidth_kbps": top_kbps, "codebooks": [0]}),
        )
    )
    possible = asked.able(None, codec)
    assert {"codec", "lesioned", "mel, full rate"} <= set(possible.names())
    assert f"The rates of codec {codec.id!r} are" in capsys.readouterr().out
    wave = stim.piece(10.0, 12.0)
    rendered = gc.render_conditions(possible, wave, codec)
    assert {sound.shape for sound in rendered.values()} == {wave.shape}
    assert np.array_equal(rendered["codec"], codec.decode(codec.encode(wave, top_kbps)))
    panel = mixer_panel(codec, piece, ["omit", "noise"], ("prefix", "solo"))
    assert len(panel.sounds) > codec.num_codebooks


def test_fine_tuning_says_that_it_is_not_offered(stim):
    with pytest.raises(InputError, match="TrainableDecoder.*Leave it out"):
        finetune_decoder(stim.codec, stim.wave, stim.codes, [(0, 100)])


def test_a_region_has_its_page(stim, data, tmp_path):
    findings = region_findings(stim, data, ["R01", "R12"], n_random=4, n_shifts=4)
    assert len(findings.codebooks.names) == stim.codes.num_codebooks
    card = gc.region_card("R01", stim, data, findings=findings)
    generator = trained_generator(stim, data.grids, smoke=True)
    page = write_region_page(card, tmp_path / "page", generator)
    assert "R01" in page.read_text()
    assert any((tmp_path / "page" / "media").iterdir())
