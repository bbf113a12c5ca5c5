"""The entry point: commands are found, loaded lazily, and told about."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit_cli import Cli

from node import __version__
from node.cli.command_table import COMMANDS
from node.cli.exit_codes import MEANINGS, ExitCode
from node.cli.main import build_parser, main
