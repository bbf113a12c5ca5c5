"""Engines order blocks for the application: `solo` on one machine, CometBFT for a consortium."""
