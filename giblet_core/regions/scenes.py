"""Held-out scenes that a region's decoder identifies best and worst, and what it retrieves.

What is retrieved is real sound of training time.
"""

from dataclasses import dataclass

import numpy as np

from giblet_core.decoding import Segments, retrieve, similarity
from giblet_core.regions.lesions import RegionLesions
from giblet_core.timing import Fold


@dataclass(frozen=True, eq=False)
class Scenes:
    """Held-out scenes of a region, the best identified first.

    Attributes
    ----------
    segment : int array of shape (n_scenes,)
        Number of the segment.
    pairwise_accuracy : array of shape (n_scenes,)
        Share of its foils that it beats.
    true, retrieved, random : int arrays of shape (n_scenes,)
        First TR of the segment itself, of the stretch of training time that the region retrieves,
        and of the stretch that a matched random region retrieves.
    """

    segment: np.ndarray
    pairwise_accuracy: np.ndarray
    true: np.ndarray
    retrieved: np.ndarray
    random: np.ndarray


def ranked_scenes(
    lesions: RegionLesions, region: int, latents: np.ndarray, segments: Segments, folds: list[Fold]
) -> Scenes:
    """Rank all segments that have foils: by pairwise accuracy, then by similarity to the truth.

    Parameters
    ----------
    lesions : RegionLesions
        From `region_lesions`.
    region : int
        Place of the region among `lesions.names`.
    latents : array of shape (n_trs, n_dims)
        True values.
    segments : Segments
        The segments of the lesions.
    folds : list of (train, test)
        The folds of the lesions.

    Returns
    -------
    Scenes
    """
    predictions = lesions.predictions[region]
    accuracy = lesions.alone_by_segment[region]
    similarity_to_truth = np.diagonal(similarity(predictions, latents, segments))
    order = np.lexsort((-similarity_to_truth, -np.nan_to_num(accuracy, nan=-1)))
    order = order[np.isfinite(accuracy[order])]
    retrieved = retrieve(predictions, latents, segments, folds, n_best=1)
    random_predictions = lesions.random_predictions[region]
    random_retrieved = retrieve(random_predictions, latents, segments, folds, n_best=1)
    return Scenes(
        segment=order,
        pairwise_accuracy=accuracy[order],
        true=segments.starts[order],
        retrieved=retrieved.starts[order, 0],
        random=random_retrieved.starts[order, 0],
    )
