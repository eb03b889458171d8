"""How fast the work is done, how much memory it takes, and how fast this machine could do it."""
