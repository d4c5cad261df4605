"""giblet_core: hearing what the brain hears through a neural codec.

The names below are the public interface. They are loaded on first use, so that the command line
answers at once.
"""

import os

import lazy_loader

# Before torch is loaded: threads that spin while they wait are many times slower where other work
# shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

#: The rooms in the order of the pipeline, each with one line. A room imports only rooms before it.
ROOMS = {
    "errors": "what is raised when an input is wrong or a run fails",
    "deprecation": "old names of keywords, kept for one release",
    "strict_yaml": "YAML without values that mean two things",
    "files": "files that can be trusted: hashes, atomic writes, caches",
    "devices": "where codec, training and ridge are computed: CPU, or a card where there is one",
    "tables": "tables of text, read strictly: regions, nuisance, events",
    "sound": "read, write and resample sound; spectra, speech, pitch, annotation",
    "viz": "the figures' common style and plots",
    "metrics": "how far one sound is from another, and how loud it is",
    "codecs": "sound to codes to latents and back; streaming, mel and Opus for comparison",
    "timing": "the scanner's clock over a sound: TR grid, HRF, folds, the seed's processor",
    "simulations": "regions of known truth, made without the analysis: a family of generators",
    "fmri": "data sets on disk: manifest, readers, checks",
    "features": "design matrices from codes and sound, and their controls",
    "encoding": "from features to the brain: ridge, ceilings, nulls, statistics, codebook recovery",
    "inference": "from figures to claims: intervals, corrections, reliability, sentences",
    "decoding": "from the brain to sound: ridge, identification, shared response",
    "autoencoder": "codes through 256 numbers and back: networks, training, experiments",
    "lesions": "take a part of the code away, and the controls a claim has to survive",
    "listening": "players, the codebook mixer, blind tests and their results",
    "demo": "how the embedded film and the embedded codec were made",
    "validation": "simulated subjects with known truth, recovery, planning, wrong ways",
    "regions": "what a brain region hears: lesions of regions, findings, cards",
    "studies": "locked studies of what the analysis is worth on the family of simulations",
    "derivatives": "results to take away: maps, tables and a page, as BIDS derivatives",
    "reporting": "records of long runs, expectations beside what was found",
    "workflow": "session, parameters, keys, runner, staging, pages, sweeps",
    "commands": "the command line, file inspection, benchmark",
}

__getattr__, __dir__, _public = lazy_loader.attach(
    __name__,
    submodules=list(ROOMS),
    submod_attrs={
        "errors": [
            "InputError",
            "MetricError",
            "RunFailed",
        ],
        "files": [
            "atomic_path",
            "cached_npz",
            "content_hash",
            "load_npz",
            "project_root",
            "read_json",
            "save_npz",
            "write_json",
            "write_text",
        ],
        "sound": [
            "Annotation",
            "AudioInfo",
            "audio_info",
            "load_audio",
            "log_mel",
            "resample",
            "save_audio",
            "speech_intervals",
            "speech_segments",
        ],
        "codecs": [
            "CODECS",
            "Codec",
            "Codes",
            "EncodecCodec",
            "MelCodec",
            "load_codec",
            "opus_round_trip",
        ],
        "timing": [
            "hrf",
            "AudioProcessor",
            "Stimulus",
            "TRGrid",
            "TRWindows",
            "contiguous_folds",
            "detect_audio_format",
            "leave_one_subject_out",
            "pool",
        ],
        "validation.simulation": [
            "simulate",
        ],
        "fmri": [
            "Dataset",
            "check_dataset",
            "load_dataset",
        ],
        "demo.film": [
            "Film",
            "demo_film",
        ],
        "workflow": [
            "ensure_bold",
            "ensure_stimulus",
            "save_results",
        ],
        "autoencoder": [
            "AudioAutoencoder",
            "AudioDecoder",
            "AudioEncoder",
            "TrainConfig",
            "fit",
        ],
        "encoding": [
            "fit_banded",
            "fit_ridge",
            "noise_ceiling",
        ],
        "decoding": [
            "fit_decoder",
            "identify",
        ],
        "lesions": [
            "LESIONS",
            "book_set",
            "lesion",
        ],
        "metrics": [
            "Quality",
            "noise_floor",
            "quality",
            "quality_table",
        ],
        "listening": [
            "analyse_results",
            "build_listening_pages",
            "listen",
            "load_conditions",
            "mixer_panel",
            "mixer_widget",
            "render_conditions",
        ],
        "derivatives": [
            "write_maps",
        ],
        "regions": [
            "RegionCard",
            "region_card",
            "region_lesions",
        ],
    },
)
__all__ = ["__version__", *_public]
