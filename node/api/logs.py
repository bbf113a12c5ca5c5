"""What is logged, and how: structured lines on standard error, without anybody's data."""

from __future__ import annotations

import logging
import sys

import structlog

from node.config import ConfigError, LogConfig

__all__ = ["configure_logs"]

_LEVELS = ("debug", "info", "warning", "error")


def configure_logs(config: LogConfig) -> None:
    """Set up logging for this process. Raises ConfigError for a level that does not exist."""
    if config.level not in _LEVELS:
        raise ConfigError(f"log.level: must be one of {', '.join(_LEVELS)}")
    level = getattr(logging, config.level.upper())
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=False)
    if config.json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # The server's own lines name requests and must not: only that something went wrong.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s %(message)s")
