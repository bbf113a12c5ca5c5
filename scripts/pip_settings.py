"""Print pip's mirror, proxy and certificate settings as the shell exports that uv reads.

A variable that is set already is left alone. Run by scripts/environment.sh with the Python of the
virtual environment.
"""

import ast
import os
import shlex
import subprocess
import sys

# pip's setting -> the variable that uv reads, and others that would already have decided it.
_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"),
}
# The later one wins, as in pip: the command's own section, and over both the environment.
_SECTIONS = ("global", "install", ":env:")


def read_settings() -> dict[str, str]:
    """Return pip's settings by name, after pip's order of precedence."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, setting = name.partition(".")
        if section in found and value:
            found[section][setting] = ast.literal_eval(value)
    merged: dict[str, str] = {}
    for section in _SECTIONS:
        merged.update(found[section])
    return merged


def main() -> None:
    """Print one export a setting."""
    settings = read_settings()
    for setting, variables in _VARIABLES.items():
        if setting in settings and not any(os.environ.get(name) for name in variables):
            value = " ".join(settings[setting].split())
            print(f"export {variables[0]}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
