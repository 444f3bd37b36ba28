"""Examples that need a trainer are run by the tests marked heavy, and not collected where it may be missing."""

collect_ignore = ["lrsched_torch/lightning.py", "lrsched_torch/transformers.py"]
