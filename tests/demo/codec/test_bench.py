"""The figures of the benchmark."""

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.demo.codec import perplexity, sound_table


def test_perplexity_counts_equally_used_entries():
    cycle = np.tile(np.arange(100, dtype=np.uint16), (2, 3))
    codes = made_up_codes(cycle)
    np.testing.assert_allclose(perplexity(codes), 100)


def test_the_table_has_a_row_for_each_coder_and_finer_rates_are_nearer(demo_codec, vowels):
    table = sound_table(demo_codec, {"vowels": vowels(2.0)}, n_pieces=1, pesq=False)
    table = table.set_index("coder")
    names = [f"demo {kbps:g} kbps" for kbps in demo_codec.bandwidths_kbps]
    assert list(table.index[: len(names)]) == names
    assert {"Griffin-Lim, full rate", "Opus ~7 kbps"} <= set(table.index)
    assert (table["pieces"] == 1).all()
    assert (table["failed"] == 0).all()
    log_mel = next(column for column in table if "log-mel" in column)
    assert table[log_mel]["demo 12 kbps"] < table[log_mel]["demo 1.5 kbps"]
    assert table[next(column for column in table if "PESQ" in column)].isna().all()
    assert table["STOI"]["Opus ~12 kbps"] == pytest.approx(1, abs=0.1)
