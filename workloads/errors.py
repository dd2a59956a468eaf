"""The one family of exceptions whose message is meant for the user.

The command line prints the message and exits with code 2; anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend; the message says where, what, and what was expected."""


class TraceError(UserError):
    """A PyTorch module that cannot be traced."""


class UnknownOperatorError(TraceError):
    """Operators without a lowering, with their module paths and how much of the network is covered."""


class UserModelError(UserError):
    """The user's own model cannot be read, executed or traced."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suffix such as ``; did you mean 'rows'?``, or an empty string when nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
