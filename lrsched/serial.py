"""What pickles name, from :mod:`lrsched.algebra.serial`; the first to read one may be a thread of several."""

import lrsched  # noqa: F401 (waits for a thread that is importing it)
from lrsched.algebra.serial import FORMAT, fingerprint, from_dict, from_json, to_dict, to_json

__all__ = ["FORMAT", "fingerprint", "from_dict", "from_json", "to_dict", "to_json"]
