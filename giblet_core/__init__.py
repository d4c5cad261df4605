"""giblet_core: hearing what the brain hears through a neural codec.

The names below are the public interface; they are loaded on first use, so that the command line answers at once.
"""

import os
from importlib import import_module
from importlib.util import find_spec

# Before torch is loaded: threads that spin while they wait are many times slower where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_WHERE = {
    "artifacts": "InputError content_hash atomic_path save_npz load_npz write_json read_json write_text cached_npz project_root",
    "audio": "load_audio save_audio resample audio_info AudioInfo",
    "codes": "Codes",
    "mel": "MelCodec log_mel",
    "codecs": "load_codec EncodecCodec",
    "timing": "TRGrid TRWindows pool",
    "processor": "AudioProcessor detect_audio_format",
    "simulation": "simulate",
    "dataset": "load_dataset Dataset",
    "dataset_check": "check_dataset",
    "demo": "demo_film Film Annotation",
    "session": "ensure_stimulus ensure_bold Stimulus save_results",
    "splits": "contiguous_folds leave_one_subject_out",
    "models": "AudioEncoder AudioDecoder AudioAutoencoder",
    "training": "TrainConfig fit",
    "encoding": "fit_ridge fit_banded",
    "ceiling": "noise_ceiling",
    "decoding": "fit_decoder identify",
    "lesions": "LESIONS lesion book_set",
    "speech": "speech_intervals speech_segments",
    "metrics": "quality Quality quality_table noise_floor",
    "conditions": "load_conditions render_conditions opus_round_trip",
    "listening": "listen",
    "blind_tests": "build_listening_pages",
    "listening_results": "analyse_results",
    "mixer": "mixer_panel mixer_widget",
    "regions": "region_lesions",
    "region_cards": "region_card RegionCard",
    "staging": "RunFailed",
}
_HOME = {name: module for module, names in _WHERE.items() for name in names.split()}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str):
    if name in _HOME:
        value = getattr(import_module(f"giblet_core.{_HOME[name]}"), name)
    elif find_spec(f"giblet_core.{name}"):
        value = import_module(f"giblet_core.{name}")
    else:
        raise AttributeError(f"module 'giblet_core' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME) | set(_WHERE))
