"""The one kind of error that is meant for the person at the keyboard."""


class VoicepackError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, and how to mend it."""
