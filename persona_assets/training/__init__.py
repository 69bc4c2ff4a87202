"""Fine-tuning a causal language model on a release, and asking it."""
