"""The verifiers that run anywhere: one HTML file and one Python archive, put together from source."""
