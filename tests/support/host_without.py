"""A process that may not load what only a registry, or a checkout, needs: the loading raises."""

import importlib.abc
import sys

FORBIDDEN = {"dvc", "dvc_data", "dvc_objects", "dvc_s3", "git", "pygit2", "networkx", "sqlmodel"}


class Refusing(importlib.abc.MetaPathFinder):
    """Finds nothing, and lets nobody else find what is forbidden."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in FORBIDDEN:
            raise AssertionError(f"{fullname} is loaded")
        return


sys.meta_path.insert(0, Refusing())
