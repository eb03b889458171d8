"""Commands beside the graph: a voice added, looked at, compared, found in MLflow, published.

command and edit_settings are what they share; collect is for training_styletts2.py.
"""

import stages  # noqa: F401  # before torch, which reads what it sets
