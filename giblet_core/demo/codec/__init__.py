"""The demo codec: a small EnCodec trained by this project.

Read `network` and `codebooks` first (what is trained), then `hybrid` (the start, built by hand),
`losses`, `corpus`, `stage` and `training`, and `export` (how it becomes an ``EncodecModel``);
`bench` says how it sounds. The exported codec gives the latents and the sound of the trained one,
and the same sounds and seed give the same weights.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "bench",
        "codebooks",
        "corpus",
        "export",
        "hybrid",
        "losses",
        "network",
        "stage",
        "training",
    ],
    submod_attrs={
        "bench": [
            "CodecFigure",
            "bench_codec",
            "flaws",
            "held_out_speech",
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
        "corpus": [
            "Corpus",
            "is_held_out",
        ],
        "export": [
            "from_encodec",
            "save_codec",
            "to_encodec",
        ],
        "hybrid.start": [
            "hybrid_start",
        ],
        "losses": [
            "make_bands",
            "perceptual_losses",
        ],
        "stage": [
            "CodecTrainConfig",
            "load_weights",
            "save_weights",
            "stage_ingredients",
        ],
        "training": [
            "refit_codebooks",
            "start",
            "train_codec",
        ],
    },
)
