# %% [markdown]
# # One universal model, or one model per symbol?
# A small look: few bars, one epoch, two surrogate markets. It shows the form of the answer; such a comparison is
# exploratory and claims nothing.

# %%
import multisymbol as ms

config = ms.load_config(
    [
        "comparison=quick",
        "comparison.surrogates.kept=2",
        "comparison.surrogates.workers=1",  # several start processes: a script then needs `if __name__ == "__main__":`
        "arms=[universal,single,prior]",
        "symbols.only=[SYN_A,SYN_B,SYN_D]",
        "source.start=2017-01-01",
        "source.end=2018-07-01",
        "labels=horizon",
        "split.train=240d",
        "split.validation=60d",
        "split.test=90d",
        "split.count=1",
        "trainer.max_epochs=1",
        "batch_size=256",
    ],
    command="compare",
)
report = ms.compare(config)
print(report.sentence)

# %% [markdown]
# Tables are frames, figures are matplotlib's; the page is one HTML file.

# %%
print(report.questions)
print(report.symbols)
print(sorted(report.figures()))
print(report.save_page("comparison.html"))
