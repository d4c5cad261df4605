"""Where sounds are on in the demo film, and how loud its TRs are."""

import numpy as np

from giblet_core.demo.film import RATE, block_power


def span(event):
    """Return the samples of an event or a word."""
    return slice(round(event.start_s * RATE), round(event.stop_s * RATE))


def mask_of(annotation, kind, n, margin_s=0.0):
    """Return where a kind of sound is on, (n,) bool."""
    mask = np.zeros(n, bool)
    margin = round(margin_s * RATE)
    for event in annotation.events:
        if event.kind == kind:
            inside = span(event)
            mask[max(0, inside.start - margin) : inside.stop + margin] = True
    return mask


def share_of(annotation, kind, edges_s):
    """Return the part of each interval during which a kind is on, in 100 steps."""
    steps = (np.arange(100) + 0.5) / 100
    times_s = edges_s[:-1, None] + np.diff(edges_s)[:, None] * steps
    return annotation.active(kind, times_s).mean(axis=1)


def levels_of_trs(film):
    """Return the level of each TR of both runs in LUFS, (n_trs,)."""
    levels = []
    for run in film.runs:
        start = round(run.start_s * RATE)
        stop = round((run.start_s + run.n_trs * film.t_r) * RATE)
        power = block_power(film.wave[start:stop]).reshape(-1, 15).mean(axis=1)
        levels.append(10 * np.log10(power + 1e-9))
    return np.concatenate(levels)
