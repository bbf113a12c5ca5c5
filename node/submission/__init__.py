"""Submission: from signed bytes to a durable place on the chain, or a clear refusal."""
