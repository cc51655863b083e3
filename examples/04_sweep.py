# %% [markdown]
# # A sweep
# On the command line a sweep is one flag: `multisymbol train -m model=mlp,gru seed=1,2`. In a notebook it is a
# loop; every training is a run in the same MLflow store.

# %%
from itertools import product

import pandas as pd

import multisymbol as ms

SMALL = [
    "source.start=2017-01-01",
    "source.end=2018-07-01",
    "labels.sigmas=6",
    "least_class_share=0",
    "trainer.max_epochs=2",
    "batch_size=256",
    "registry.register=false",
]

# %%
rows = []
for network, seed in product(["mlp", "gru"], [1, 2]):
    training = ms.train(ms.load_config([*SMALL, f"model={network}", f"seed={seed}"]))
    run = training.models[0].run
    rows.append({"network": network, "seed": seed, "validation log-loss": training.score, "run": run})

# %%
table = pd.DataFrame(rows).sort_values("validation log-loss")
print(table.to_string(index=False))
