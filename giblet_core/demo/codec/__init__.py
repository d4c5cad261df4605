"""The demo codec: a small EnCodec trained by this project.

Read `network` and `codebooks` first, then `hybrid` (its start), `losses`, `training`, `export` and
`bench`. The exported codec gives the codes of the trained one.
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
            "Codebooks",
            "fit_codebooks",
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
            "refit_codebooks",
            "start",
            "train_codec",
        ],
    },
)
