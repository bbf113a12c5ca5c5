"""Adapters that anchor the log on outside chains."""
