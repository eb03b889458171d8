"""The report: one page that works from disk, to hear the voices and to see what was measured."""
