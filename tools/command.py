"""How the commands beside the graph, of tools and studies, read their command lines."""

from __future__ import annotations

import argparse


def command_parser(module: str, about: str | None) -> argparse.ArgumentParser:
    """Return a parser for `python -m MODULE`, whose `--help` shows the module's docstring as it is written."""
    return argparse.ArgumentParser(
        prog=f"python -m {module}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
