# %% [markdown]
# # A network of your own
# Any `torch.nn.Module` that takes a window and returns one output per class. Sizes that follow from the data
# arrive as `shape`; everything else is a key of the configuration.

# %%
from pathlib import Path

import multisymbol as ms

Path("my_networks.py").write_text('''"""Networks of my own."""

import torch
from torch import nn

from multisymbol.learning.networks.embedding import NetworkShape


class ConvPool(nn.Module):
    """Two convolutions over time with batch normalisation, averaged over the window."""

    def __init__(self, *, shape: NetworkShape, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(shape.features, channels, kernel_size=3, padding=1),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, kernel_size=3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(channels, shape.classes)

    def forward(self, x_BTF: torch.Tensor, symbol_B: torch.Tensor, class_B: torch.Tensor) -> torch.Tensor:
        """Return logits. Shape (B, classes)."""
        return self.head(self.body(x_BTF.transpose(1, 2)).mean(dim=2))
''')

# %% [markdown]
# A file in `conf/model` of your own names it; here the same in a folder `my`, given as `config_dir`.

# %%
Path("my/model").mkdir(parents=True, exist_ok=True)
Path("my/model/convpool.yaml").write_text("""# My network.
_target_: my_networks.ConvPool
_partial_: true
channels: 16
""")
config = ms.load_config(
    [
        "model=convpool",
        "trust=[my_networks]",
        "source.start=2017-01-01",
        "source.end=2018-07-01",
        "labels.sigmas=6",
        "least_class_share=0",
        "trainer.max_epochs=1",
        "batch_size=256",
        "symbols.only=[SYN_A,SYN_D]",
    ],
    config_dir="my",
)
training = ms.train(config)
print(training)

# %% [markdown]
# It is registered and served as every other network is, wherever `my_networks` is trusted.

# %%
name, version = training.models[0].version
model = ms.load_model(f"{name}/{version}", config)
print(model.trained)
