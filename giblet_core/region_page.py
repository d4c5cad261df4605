"""A region card as one HTML file, with its sounds as FLAC files beside it: what `giblet region NAME` writes."""

import base64
import html
import io
from pathlib import Path

import matplotlib.pyplot as plt

from giblet_core import viz
from giblet_core.artifacts import write_text
from giblet_core.listening import listen
from giblet_core.region_cards import RegionCard
from giblet_core.region_findings import RESPONSE_S
from giblet_core.region_sound import Generator, bottlenecks, generated_scores, listened
from giblet_core.staging import inline_to_files

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222;background:#fff}
img{max-width:100%;height:auto}figure{margin:1em 0}table{border-collapse:collapse}th,td{padding:.2em .7em;text-align:left;
border-bottom:1px solid #ddd;font-weight:normal}.numbers td,.numbers th{text-align:right}small{color:#555}h2{margin-top:2em}"""


def write_region_page(card: RegionCard, folder: str | Path, generator: Generator | None = None, seed: int = 0) -> Path:
    """Write ``index.html`` and ``media/`` into a folder; with a generator also what it makes of the region's voxels.

    Returns
    -------
    Path
        The page.
    """
    folder, f = Path(folder), card.findings
    viz.use_style()
    buffer = io.BytesIO()
    figure = card.figure()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    picture = base64.b64encode(buffer.getvalue()).decode()
    name, label = html.escape(card.name), html.escape(f"{f.data.label} BOLD of {f.data.name}, {f.stim.label}")
    scenes = inline_to_files("".join(players._repr_html_() for players in card.players().values()), folder / "media", "media")
    tables = f.spaces.table(card.index), f.books.table(card.index)
    numbers = "".join(t.to_html(float_format="{:.3f}".format, border=0, classes="numbers") for t in tables)
    made = "" if generator is None else _generation(card, generator, folder, seed)
    verdict = "".join(f"<li>{html.escape(text)}</li>" for text in card.verdict)
    return write_text(folder / "index.html", f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: region card</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>
<h1>What does {name} hear?</h1><p><b>{label}</b>. {f.data.n_trs} TRs of {f.data.t_r:g} s, {len(f.data.subjects)} subjects, group mean.</p>
<ul>{verdict}</ul>
<figure><img alt="Map, encoding, unique variance, profile over books and identification of {name}"
src="data:image/png;base64,{picture}"></figure>
<h2>Heard: the best and the worst scenes</h2><p>Held-out scenes beside the nearest stretch of training time, which cannot be what was heard:
chosen by the decoder of {name}, and by the decoder of a random region of as many voxels with the same intersubject correlation. Sound is
taken {RESPONSE_S:g} s before the BOLD.</p>{scenes}{made}
<h2>Numbers</h2><p>Explained variance (r|r|) that is lost when a group of features is left out and the model refitted; interval over folds;
null of all circular shifts of at least {f.min_shift} TRs; p corrected over all rows and regions (FDR).</p>{numbers}
<h2>How</h2><p>Folds are contiguous with a gap of {f.gap} TRs. Decoder: ridge from the region's voxels to pooled latents. Segments of
{f.segments.length} TRs stand against lures of the same fold and class of sound, within 2 LU, {f.gap} TRs away.
{f.lesions.random.shape[1]} random regions, matched for size and, stratum by stratum, for ISC (largest gap of a mean
{f.lesions.isc_gap[card.index]:.3f}; two of them share {100 * f.lesions.overlap[card.index]:.0f} % of their voxels on average).
Held at its mean after the fit (frozen), the region costs {card.lesion["lost, frozen (%)"]:.1f} points
({card.lesion["lost, frozen, low"]:.1f} to {card.lesion["lost, frozen, high"]:.1f}). One film, one codec: no more is claimed.</p>
</body></html>
""")


def _generation(card: RegionCard, generator: Generator, folder: Path, seed: int) -> str:
    """Return the section of generated sound: two scenes, from measured, shuffled and no fMRI."""
    f = card.findings
    numbers = bottlenecks(f.group.bold[:, f.group.members(card.name)], generator, f.folds, f.data.t_r, f.data.run_onsets, f.gap,
                          2 * f.min_shift)
    scores = generated_scores(numbers, generator, f.segments, f.gap, seed)
    early, out = round(RESPONSE_S / f.data.t_r), ""
    for kind, i in (("best", 0), ("worst", -1)):
        first = max(0, int(card.scenes.true[i]) - early)
        sounds = {"heard": f.sound(card.scenes.true[i])} | listened(generator, numbers, first, f.segments.length, f.stim.codec, seed)
        out += listen(sounds, f.stim.codec.sample_rate, title=f"{kind} scene, generated")._repr_html_()
    found = scores.to_html(float_format="{:.1f}".format, border=0, classes="numbers")
    return f"""<h2>Generated, not recorded</h2><p>A network that was trained on this sound makes sound of 256 numbers a TR, read from the
region's voxels in held-out time. It knows the film, so only the difference to shuffled and to no fMRI counts. Segments identified from
those numbers, in per cent, with intervals over segments:</p>{found}{inline_to_files(out, folder / "media", "media")}"""


def default_folder(root: Path, name: str) -> Path:
    """Return ``build/regions/NAME``, with what a file system refuses replaced."""
    return root / "build" / "regions" / "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)
