"""The embedded engine: one validator, the blocks and commits of CometBFT 0.38, no network."""
