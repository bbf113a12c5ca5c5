"""Certificates of evidence (存证证书): what they say, how they are typeset, sealed and issued."""
