"""Autoencoder: codes through 256 numbers and back.

It holds the seed's networks, their training on windows of codes, their scores in bits, and the
experiments of notebooks 3 and 7. Read `config` first, then `networks` and `model` (encoder,
decoder, the two joined), `token_scores` (bits and baselines), `windows` (codes through the model),
`training`, `experiments` and `questions`. Test time is never trained on; a run is reproducible to
the bit; every score stands beside a baseline.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "config",
        "experiments",
        "model",
        "networks",
        "questions",
        "token_scores",
        "training",
        "windows",
    ],
    submod_attrs={
        "config": [
            "History",
            "NetworkConfig",
            "SOURCES",
            "TimeSplit",
            "TrainConfig",
            "run_folder",
            "run_ingredients",
            "split_time",
            "ten_trs_run",
        ],
        "experiments": [
            "bits_table",
            "demo_run",
            "held_out_bits",
            "memory_table",
            "pca_latents",
            "reconstructions",
            "score_one",
            "train_one",
        ],
        "model": [
            "AudioAutoencoder",
            "FMRIBottleneck",
            "build_autoencoder",
        ],
        "networks": [
            "AudioDecoder",
            "AudioEncoder",
            "project_codebooks",
        ],
        "questions": [
            "FineTuning",
            "TARGET_RATE_HZ",
            "decoder_scores",
            "finetune_decoder",
            "probe_codebooks",
            "probe_targets",
            "random_vectors",
        ],
        "token_scores": [
            "bits_per_token",
            "codebook_table",
            "expected_latents",
            "pca_reconstruction",
            "previous_tr_bits",
            "requantise",
            "sum_latents",
            "unigram_bits",
        ],
        "training": [
            "fit",
            "overfit_batch",
        ],
        "windows": [
            "believed_latents",
            "drawn",
            "predict_indices",
            "reconstruct",
        ],
    },
)
