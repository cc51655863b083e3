# %% [markdown]
# # Serving
# A stored model answers raw bars: it segments, computes, scales and cuts windows with the code of its training,
# so that its rows are those of the training to the bit.

# %%
import pandas as pd

import multisymbol as ms

config = ms.load_config(
    [
        "symbols.only=[SYN_A,SYN_D]",
        "source.start=2017-01-01",
        "source.end=2018-07-01",
        "labels.sigmas=6",
        "least_class_share=0",
        "trainer.max_epochs=1",
        "batch_size=256",
    ]
)
training = ms.train(config)
name, version = training.models[0].version
model = ms.load_model(f"{name}/{version}", config)

# %% [markdown]
# Bars as any vendor's frame has them: symbol, timestamp with a time zone, prices, volume.

# %%
data = config.data
bars = data.source.read(data.universe.configs[0], data.period)
frame = pd.DataFrame(
    {
        "symbol": "SYN_A",
        "timestamp": pd.to_datetime(bars.opened_at, unit="ns", utc=True),
        **{column: getattr(bars, column) for column in ("open", "high", "low", "close", "volume")},
    }
)
print(model.predict(frame).T)

# %% [markdown]
# The same model by MLflow's own command, for any language:
# `mlflow models serve -m models:/NAME@champion --env-manager local`.
