# %% [markdown]
# # Your own bars
# One file per symbol, a mapping from symbol to asset class, and a model. The bars here are synthetic and written first,
# so that the example runs anywhere; replace the folder by your own.

# %%
from pathlib import Path

import multisymbol as ms
from multisymbol.cli.commands import generate_data

BARS = Path("bars")
if not BARS.exists():
    symbols = "ALPHA,BETA,PAIR:forex"
    generate_data.run(["--symbols", symbols, "--start", "2017-01-01", "--end", "2018-07-01", "--out", str(BARS)])

# %% [markdown]
# Each file is judged when it is read: duplicate timestamps, a high below a low, bars outside the exchange's sessions.
# Nothing is repaired in silence.

# %%
bars = ms.read_bars(BARS / "PAIR.parquet", asset_class="forex", timeframe="1h")
print(f"{bars.symbol}: {len(bars):,} bars")

# %% [markdown]
# The same overrides as on the command line; `symbols` replaces a file in `conf/symbols`.

# %%
config = ms.load_config(
    [
        "source=parquet",
        f"source.root={BARS.absolute()}",
        "source.timeframe=1h",
        "source.stamped=open",
        "labels.sigmas=6",
        "least_class_share=0",
        "trainer.max_epochs=2",
        "batch_size=256",
    ],
    symbols={"ALPHA": "stock", "BETA": "stock", "PAIR": "forex"},
)
training = ms.train(config)
print(training)
print(training.scores[["rows", "log_loss"]])
