"""Statistics of every voxel: in each subject, and over subjects.

Read `settings` (how time is split), `catalogue` (what each statistic means), `fitting` (held-out r
of each model), `intervals` and `chance` (how sure one can be of it), then `group` (what holds over
subjects) and `voxelwise`, which puts them together. Nothing is chosen on the time that is scored.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "catalogue",
        "chance",
        "fitting",
        "group",
        "intervals",
        "settings",
        "voxelwise",
    ],
    submod_attrs={
        "catalogue": [
            "BASELINES",
            "CODEBOOKS",
            "FLIPS",
            "FULL",
            "PHASES",
            "SHARED",
            "STATISTICS",
            "MapKey",
            "Statistic",
            "plain_label",
        ],
        "chance": ["ChanceTest", "Followed", "random_phases"],
        "fitting": ["Chosen", "Fitted", "VoxelModel", "fit_models", "fit_subjects", "voxel_model"],
        "group": ["SignFlips", "n_sign_flips", "replications", "sign_flips", "subject_interval"],
        "intervals": ["effective_samples", "r_interval"],
        "settings": ["MapSettings", "map_settings"],
        "voxelwise": ["VoxelMaps", "spread_maps", "voxel_maps"],
    },
)
