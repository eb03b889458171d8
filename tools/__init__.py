"""Commands beside the graph: a voice added, looked at, compared, found in MLflow, published."""

import stages  # noqa: F401  # before torch, which reads what it sets
