"""What pickles name, from :mod:`lrsched.algebra.serial`."""

from lrsched.algebra.serial import FORMAT, fingerprint, from_dict, from_json, to_dict, to_json

__all__ = ["FORMAT", "fingerprint", "from_dict", "from_json", "to_dict", "to_json"]
