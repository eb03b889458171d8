"""One short script per DVC stage. Stage name = module name = section of params.yaml."""

import voicepack  # noqa: F401  # before torch, which reads what it sets
