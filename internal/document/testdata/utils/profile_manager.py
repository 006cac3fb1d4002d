"""The module that the document's snippets import and do not show."""

import os


def get_profile():
    """The profile in force: of AWS_PROFILE, else aws."""
    return os.environ.get("AWS_PROFILE", "aws")
