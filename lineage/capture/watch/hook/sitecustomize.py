# The door of the watch: every Python that starts under a watched run imports this file first.
# It starts the recorder beside it, takes every trace of both away again, and hands over to the
# sitecustomize that Python would have found without it. Python 2.7 and everything since runs it,
# so it is written in what they all understand. Whatever fails here ends in a note to the watch,
# never in the user's program.
import os
import sys

_here = __file__.rpartition("/")[0]
try:
    if not hasattr(sys, "addaudithook"):
        raise NotImplementedError
    _kept = sys.dont_write_bytecode, sys.pycache_prefix
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    try:
        import lineage_watch  # type: ignore[import-not-found]
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = _kept
    lineage_watch.start(_here)
except Exception:
    try:
        _facts = (
            str(os.getppid()),
            ".".join(map(str, sys.version_info[:3])),
            sys.exc_info()[0].__name__,  # type: ignore[union-attr]
        )
        _note = "%s/records/%d-blind" % (_here.rpartition("/")[0], os.getpid())
        _fd = os.open(_note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(_fd, ("%d 0 blind %s\0" % (os.getpid(), "//".join(_facts))).encode("ascii"))
        finally:
            os.close(_fd)
    except Exception:  # nosec B110 # noqa: S110 - nobody is left to tell: the process counts as unobserved
        pass

sys.path[:] = [_entry for _entry in sys.path if _entry != _here]
for _name in [_name for _name in sys.path_importer_cache if _name.startswith(_here)]:
    del sys.path_importer_cache[_name]
for _name in [_name for _name in sys.modules if _name.partition(".")[0] == "lineage_watch"]:
    del sys.modules[_name]
sys.modules.pop("sitecustomize", None)
# the user's own, or the ImportError that Python expects where there is none
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401
