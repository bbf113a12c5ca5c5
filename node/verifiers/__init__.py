"""The verifiers that run anywhere, put together from source: an HTML file, a Python archive."""
