"""Commands beside the graph: a voice added, looked at, compared, found in MLflow, published.

collect and edit_settings are what they share.
"""

import stages  # noqa: F401  # before torch, which reads what it sets
