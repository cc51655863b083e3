# %% [markdown]
# # An indicator of your own
# One source file and one entry in the configuration. The file lies beside your notebook; `trust` allows its code.

# %%
from pathlib import Path

import multisymbol as ms

Path("my_indicators.py").write_text('''"""Indicators of my own."""

import numpy as np

from multisymbol.features.indicators.registry import BarSegment, Columns, Span, indicator


@indicator(outputs=("ratio",), warmup=lambda period: period)
def efficiency(bars: BarSegment, *, period: Span) -> Columns:
    """Efficiency ratio: the net move of `period` bars over the path walked, 0 to 1.

    Source: Kaufman 1995, Smarter Trading.
    """
    ratio = np.full(len(bars.close), np.nan)
    net = np.abs(bars.close[period:] - bars.close[:-period])
    path = np.convolve(np.abs(np.diff(bars.close)), np.ones(period), mode="valid")
    ratio[period:] = np.divide(net, path, out=np.zeros_like(net), where=path > 0)
    return (ratio,)
''')

# %% [markdown]
# `features.indicators.NAME` adds it with its parameters, `features.fuzzy.COLUMN` fuzzy sets over a column of it.

# %%
config = ms.load_config(
    [
        "trust=[my_indicators]",
        "+features.indicators.efficiency.period=20",
        "source.start=2017-01-01",
        "source.end=2018-07-01",
        "labels.sigmas=6",
        "least_class_share=0",
        "trainer.max_epochs=1",
        "batch_size=256",
        "symbols.only=[SYN_A,SYN_D]",
        "registry.register=false",
    ]
)
print([column for column in config.data.features.names if "efficiency" in column])
training = ms.train(config)
print(training.scores[["rows", "log_loss"]])
