"""The demo codec: a small EnCodec trained by this project.

Read `network` and `codebooks` first, then `hybrid` (its start), `losses`, `training`, `export` and `bench`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "bench",
        "codebooks",
        "export",
        "hybrid",
        "losses",
        "network",
        "training",
    ],
    submod_attrs={
        "bench": [
            "bench_codec",
            "flaws",
            "perplexity",
            "sound_table",
        ],
        "codebooks": [
            "Books",
            "fit_books",
            "k_means",
            "refit",
            "search",
        ],
        "export": [
            "from_encodec",
            "save_codec",
            "to_encodec",
        ],
        "hybrid": [
            "hybrid_start",
        ],
        "losses": [
            "make_bands",
            "perceptual_losses",
        ],
        "training": [
            "CodecTrainConfig",
            "Corpus",
            "is_held_out",
            "refit_books",
            "start",
            "train_codec",
        ],
    },
)
