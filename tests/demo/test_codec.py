"""The demo codec: published weights, causal, quiet in silence, finer with every rung; its start and
its trainer.
"""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from transformers import EncodecModel

import giblet_core as gc
from giblet_core import codecs, metrics
from giblet_core.codecs import loading
from giblet_core.demo.codec import (
    Codebooks,
    CodecTrainConfig,
    Corpus,
    fit_codebooks,
    from_encodec,
    hybrid_start,
    is_held_out,
    k_means,
    make_bands,
    perceptual_losses,
    refit,
    refit_codebooks,
    save_codec,
    search,
    to_encodec,
    train_codec,
)
from giblet_core.demo.codec import bench as bench_codec
from giblet_core.demo.codec import training as codec_training
from giblet_core.errors import InputError
from giblet_core.files import ASSETS, file_sha256

DEMO_SHA256 = "6c0c5d92f1440807a1b5ae5b05ef7d4421782baadd42a90d2bdec7e9a5d40134"  # changes only with the published weights


def vowels(seconds=3.0, seed=0):
    """A deterministic stand-in for speech: gliding harmonics with formants, syllables, breath."""
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * 24_000)) / 24_000
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) / 24_000
    wave = sum(np.cos(k * phase) * np.exp(-(((120 * k - 600) / 500) ** 2)) for k in range(1, 30))
    wave = wave + 0.3 * sum(
        np.cos(k * phase) * np.exp(-(((120 * k - 2200) / 400) ** 2)) for k in range(1, 40)
    )
    wave = (wave + 0.05 * rng.standard_normal(len(t))) * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t))
    return (0.05 * wave / wave.std()).astype(np.float32)


@pytest.fixture(scope="module")
def tiny():
    """The hybrid start of a codec of four codebooks, fitted to sixteen seconds of vowels and noise."""
    sounds = [
        vowels(14.0, seed=2),
        (0.05 * np.random.default_rng(1).standard_normal(24_000 * 2)).astype(np.float32),
    ]
    return hybrid_start(sounds, n_codebooks=4, n_iter=2, n_points=1200)


def test_weights_are_the_published_ones_and_small_enough():
    path = ASSETS / "demo_codec" / "model.safetensors"
    assert (
        file_sha256(path)
        == DEMO_SHA256
        == (ASSETS / "demo_codec" / "SHA256SUMS").read_text().split()[0]
    )
    assert path.stat().st_size <= 16_000_000


def test_other_weights_are_refused(tmp_path, monkeypatch):
    shutil.copytree(ASSETS / "demo_codec", tmp_path / "demo_codec")
    with open(tmp_path / "demo_codec" / "model.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    monkeypatch.setattr(loading, "DEMO_FOLDER", tmp_path / "demo_codec")
    with pytest.raises(InputError, match="SHA256SUMS"):
        loading._load.__wrapped__("demo")


def test_it_is_an_encodec_of_the_promised_shape(demo_codec):
    assert (demo_codec.sample_rate, demo_codec.frame_rate, demo_codec.cardinality) == (
        24_000,
        75.0,
        1024,
    )
    assert demo_codec.bandwidths_kbps[:4] == (1.5, 3.0, 6.0, 12.0)
    assert json.loads((ASSETS / "demo_codec" / "config.json").read_text())["architectures"] == [
        "EncodecModel"
    ]


def test_the_past_does_not_hear_the_future(demo_codec):
    wave = vowels()
    other = wave.copy()
    other[36_000:] = vowels(seed=5)[36_000:][::-1]
    frame = 36_000 // 320
    a, b = (demo_codec.encode(w, 12.0) for w in (wave, other))
    np.testing.assert_array_equal(a.indices[:, :frame], b.indices[:, :frame])
    assert (a.indices[:, frame:] != b.indices[:, frame:]).any()
    np.testing.assert_allclose(
        demo_codec.decode(a)[: frame * 320], demo_codec.decode(b)[: frame * 320], atol=1e-5
    )


def test_every_rung_is_nearer_to_the_sound(demo_codec):
    wave = vowels()
    codes = demo_codec.encode(wave, 12.0)
    log_mel = [
        gc.quality(wave, demo_codec.decode(codes.first(k)), 24_000, pesq=False).log_mel_db
        for k in (2, 4, 8, 16)
    ]
    snr = [
        -10 * np.log10(np.mean((wave - demo_codec.decode(codes.first(k))) ** 2) / np.mean(wave**2))
        for k in (2, 4, 8, 16)
    ]
    assert (np.diff(log_mel) < 0).all(), log_mel
    assert (np.diff(snr) > 0).all(), snr


def test_silence_stays_silent_and_nothing_drifts_to_dc(demo_codec):
    flaws = bench_codec.flaws(demo_codec, vowels(5.0))
    assert flaws["silence_dbfs"] < -60
    assert flaws["dc_dbfs"] < -50
    assert flaws["chunk_border_error"] < 1e-4


def test_exported_network_equals_the_trained_one(tiny, tmp_path):
    net = copy.deepcopy(tiny)
    torch.manual_seed(0)
    with torch.no_grad():  # wake what starts silent
        for parameter in (
            net.widen.weight,
            net.synthesis.weight,
            net.synthesis.bias,
            net.encoder_conv.weight,
            net.analysis.bias,
        ):
            parameter.add_(0.002 * torch.randn_like(parameter))
    net.pin()
    model = to_encodec(net)
    wave = torch.from_numpy(vowels(2.0)[: 320 * 140])[None]
    with torch.inference_mode():
        z = net.encode(wave.reshape(1, -1, 320))
        there = model.encoder(wave[None])[0].T[None]
        sound, other = net.decode(z), model.decoder(z.transpose(1, 2))[0]
    settle = 20  # frames: the starts are mirrored there and zero here
    assert float((z - there)[:, settle:].square().mean() / z.square().mean()) < 1e-4
    assert float((sound - other)[:, settle * 320 :].square().mean() / sound.square().mean()) < 1e-4
    digest = save_codec(model, tmp_path)
    assert digest == file_sha256(tmp_path / "model.safetensors")
    assert gc.load_codec(tmp_path).num_codebooks == 4


def test_published_weights_can_be_trained_on():
    model = EncodecModel.from_pretrained(ASSETS / "demo_codec", dtype=torch.float32)
    net = from_encodec(model)
    again = to_encodec(net)
    wave = torch.from_numpy(vowels(1.5)[: 320 * 100])[None, None]
    with torch.inference_mode():
        z, other = model.encoder(wave), again.encoder(wave)
        assert float((z - other).square().mean() / z.square().mean()) < 1e-5
        sound, same, ours = model.decoder(z), again.decoder(z), net.decode(z.transpose(1, 2))
    assert float((sound - same).square().mean() / sound.square().mean()) < 1e-5
    assert float((sound[0] - ours)[:, 6400:].square().mean() / sound.square().mean()) < 1e-4


def test_books_move_towards_what_chose_them():
    torch.manual_seed(0)
    codebooks, z = Codebooks(2), torch.randn(512, 128)
    codebooks.fill(torch.randn(2, 1024, 128))
    before = (z - codebooks(z, 2)).square().mean()
    for _ in range(60):
        codebooks(z, 2, update=True)
    assert (z - codebooks(z, 2)).square().mean() < 0.7 * before


def test_narrow_search_is_greedy_and_full_search_finds_the_best_sum():
    torch.manual_seed(0)
    points, codebooks = torch.randn(50, 5), torch.randn(2, 6, 5)
    chosen = [
        (
            points
            - sum(codebook[c] for codebook, c in zip(codebooks, search(points, codebooks, width).T))
        )
        .square()
        .sum(1)
        for width in (1, 6)
    ]
    sums = (codebooks[0][:, None] + codebooks[1][None]).reshape(-1, 5)
    torch.testing.assert_close(
        chosen[1], torch.cdist(points, sums).square().amin(1)
    )  # all six beginnings kept: every pair is tried
    assert (chosen[1] <= chosen[0] + 1e-6).all()
    np.testing.assert_array_equal(
        search(points, codebooks, 1).T, codecs.residual_codes(points, codebooks)
    )


def test_refitted_books_serve_their_own_choices_better_and_find_what_was_planted():
    torch.manual_seed(1)
    planted = torch.randn(3, 4, 8)
    points, noise = (
        sum(codebook[torch.randint(4, (3000,))] for codebook in planted)
        + 0.1 * torch.randn(3000, 8),
        8 * 0.1**2,
    )
    errors = {}
    for start in range(4):  # each ends where it can; one of a few finds the truth
        codebooks, left = [], points
        for k in range(3):  # nested, as the codebooks begin
            codebooks.append(k_means(left, 4, seed=3 * start + k))
            left = left - codebooks[-1][codecs.nearest(left, codebooks[-1])]
        codebooks, nested = torch.stack(codebooks), float(left.square().sum() / len(points))
        for _ in range(8):
            codes, moved = search(points, codebooks).T, refit(points, codebooks, inertia=2.0)
            left = (
                points - sum(codebook[c] for codebook, c in zip(either, codes))
                for either in (codebooks, moved)
            )
            before, after = (float(error.square().sum() / len(points)) for error in left)
            assert after <= before * (1 + 1e-6)
            codebooks = moved
        errors[after] = nested
    assert min(errors) < 1.05 * noise < 0.05 * errors[min(errors)]


def test_refined_books_are_finer_with_every_book_and_the_later_ones_share_out_the_latents():
    torch.manual_seed(2)
    points = torch.zeros(3000, 128)
    points[:, :12] = torch.randn(3000, 12) @ torch.randn(12, 12)
    codebooks = Codebooks(4)
    codebooks.fill(
        torch.nn.functional.pad(fit_codebooks(points[:, :12].contiguous(), 4, n_iter=2), (0, 116))
    )
    codebooks.refine(points)
    errors = [float((points - codebooks(points, k)).square().mean()) for k in range(5)]
    assert (np.diff(errors) < 0).all(), errors
    used = (codebooks.embed != 0).any(1)  # (book, latent)
    assert used[:2, :12].all()
    assert not used[:, 12:].any()
    np.testing.assert_array_equal(
        used[2:, :12].sum(0), 1
    )  # every latent belongs to one of the two last codebooks


def test_a_trained_codec_is_refitted_the_same_way_each_time(tiny):
    corpus = Corpus({"speech": [vowels(8.0, seed=3)]})
    first, again = (
        refit_codebooks(copy.deepcopy(tiny), corpus, n_crops=4).codebooks.embed for _ in range(2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, tiny.codebooks.embed)


def test_what_is_kept_is_the_moving_average_of_the_weights(tiny, monkeypatch):
    net, corpus, raw, step = (
        copy.deepcopy(tiny),
        Corpus({"speech": [vowels(4.0)]}),
        [],
        codec_training._step,
    )

    def remembered(net, *rest):
        record = step(net, *rest)
        raw.append(net.synthesis.weight.detach().clone())
        return record

    monkeypatch.setattr(codec_training, "_step", remembered)
    train_codec(
        net,
        corpus,
        CodecTrainConfig(n_steps=3, batch_size=2, n_frames=40, n_codebooks=4, averaging=0.6),
    )
    torch.testing.assert_close(
        net.synthesis.weight, 0.3 * raw[0] + 0.3 * raw[1] + 0.4 * raw[2]
    )  # a plain mean first, then decay .6
    assert not torch.equal(net.synthesis.weight, raw[2])


def test_losses_vanish_for_the_same_sound_and_grow_with_noise():
    wave, bands = torch.from_numpy(vowels(2.0))[None], make_bands()
    same = perceptual_losses(wave, wave, bands)
    little, much = (
        perceptual_losses(wave, wave + level * torch.randn_like(wave), bands)
        for level in (0.003, 0.03)
    )
    assert float(same["mel"]) == float(same["spectrum"]) == 0
    assert float(same["envelope"]) < 1e-2
    for name in ("mel", "spectrum", "loudness", "added", "envelope", "snr"):
        assert float(same[name]) < float(little[name]) < float(much[name]), name


def test_interrupted_training_ends_as_uninterrupted(tiny, tmp_path):
    config = CodecTrainConfig(
        n_steps=4,
        batch_size=2,
        n_frames=40,
        n_codebooks=4,
        prefixes=(2, 4),
        prefix_odds=(0.5, 0.5),
        checkpoint_every=2,
    )
    whole, cut, resumed = (copy.deepcopy(tiny) for _ in range(3))
    corpus, broken = (Corpus({"speech": [vowels(4.0)]}) for _ in range(2))
    history, batch, drawn = train_codec(whole, corpus, config), broken.batch, []

    def stops_at_the_third(*size):
        drawn.append(size)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return batch(*size)

    broken.batch = stops_at_the_third
    with pytest.raises(KeyboardInterrupt):
        train_codec(cut, broken, config, tmp_path)
    assert train_codec(resumed, corpus, config, tmp_path) == history
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(value, resumed.state_dict()[name])
    with pytest.raises(InputError, match="another configuration"):
        train_codec(resumed, corpus, CodecTrainConfig(n_steps=5), tmp_path)


def test_held_out_is_decided_by_name():
    names = ("84-121123-0019.wav", "encodec_test_24k.wav", "fleurs-de-008.ogg")
    assert all(is_held_out(name) for name in names)
    assert not any(is_held_out(name) for name in ("84-121123-0018.wav", "fleurs-de-007.ogg"))
    assert is_held_out("viper.ogg") == is_held_out("viper.mp3")


def test_perplexity_counts_equally_used_entries(demo_codec):
    codes = demo_codec.encode(vowels(), 1.5)
    cycle = np.tile(np.arange(100, dtype=np.uint16), (2, 3))
    fake = gc.Codes(cycle, 24_000, 75.0, 300 * 320, 1.5, codes.codec_id, codes.codec_sha256)
    np.testing.assert_allclose(bench_codec.perplexity(fake), 100)


@pytest.mark.slow
def test_every_kind_of_real_sound_comes_back_at_its_length_and_near_its_level(shared, demo_codec):
    files = [
        p
        for p in sorted((shared / "audio").rglob("*"))
        if p.suffix in (".wav", ".flac", ".mp3", ".ogg")
    ]
    for path in files[::12]:
        wave = gc.load_audio(path, 24_000, stop_s=3.0)
        back = demo_codec.decode(demo_codec.encode(wave, 6.0))
        assert back.shape == wave.shape, path.name
        assert 0.03 < np.sqrt(np.mean(back**2) / np.mean(wave**2)) < 1.5, path.name


@pytest.mark.slow
def test_held_out_speech_is_recognisable(shared, demo_codec):
    speech = bench_codec.held_out_speech(shared / "audio" / "speech")["LibriSpeech"][: 24_000 * 9]
    codes = demo_codec.encode(speech, 12.0)
    rungs = np.array(
        [metrics.stoi(speech, demo_codec.decode(codes.first(k)), 24_000) for k in (2, 4, 8, 16)]
    )
    assert (np.diff(rungs) > 0).all(), rungs
    assert rungs[2] > 0.75  # at 6 kbps; the bar of .85 is not reached yet, see MODEL_CARD.md
