"""Autoencoder: codes through 256 numbers and back.

Read `networks` first, then `windows` (codes a TR, split in time), `token_scores` (bits),
`training`, `experiments` and `questions`. Test time is never trained on, and every score stands
beside a baseline.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "experiments",
        "networks",
        "questions",
        "token_scores",
        "training",
        "windows",
    ],
    submod_attrs={
        "experiments": [
            "believed_latents",
            "bits_table",
            "demo_run",
            "held_out_bits",
            "memory_table",
            "pca_latents",
            "reconstructions",
            "score_one",
            "train_one",
        ],
        "networks": [
            "AudioAutoencoder",
            "AudioDecoder",
            "AudioEncoder",
            "FMRIBottleneck",
            "project_codebooks",
        ],
        "questions": [
            "TARGET_RATE_HZ",
            "codebook_table",
            "decoder_scores",
            "finetune_decoder",
            "paired_differences",
            "probe_codebooks",
            "verdict",
        ],
        "token_scores": [
            "bits_per_token",
            "expected_latents",
            "pca_reconstruction",
            "previous_tr_bits",
            "requantise",
            "sum_latents",
            "unigram_bits",
        ],
        "training": [
            "TrainConfig",
            "fit",
            "overfit_batch",
            "run_folder",
        ],
        "windows": [
            "TimeSplit",
            "build_autoencoder",
            "drawn",
            "predict_indices",
            "reconstruct",
            "split_time",
        ],
    },
)
