"""What is logged, and how: structured lines on standard error, without anybody's data."""

from __future__ import annotations

import logging
import sys

import structlog

from node.config import ConfigError, LogConfig

__all__ = ["configure_logs"]

_LEVELS = ("debug", "info", "warning", "error")


class _Plain(logging.Formatter):
    """Tells of an exception its kind alone: its text may hold what somebody submitted."""

    def formatException(self, ei: object) -> str:
        """The kind of the exception."""
        kind = ei[0] if isinstance(ei, tuple) else None
        return getattr(kind, "__name__", "")


def _to_standard_error(*_: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


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
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
