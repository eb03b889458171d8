"""What the tables of docs/ come from: how fast it is, what each choice is worth, how far to trust a measure."""

import stages  # noqa: F401  # before torch, which reads what it sets
