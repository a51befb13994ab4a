"""Say what a command does with studies in an object store."""

from typing import Literal

Mode = Literal["look", "all", "read", "write", "add", "remove"]
"""What a command does: looks at facts of studies, or of all there are, without their networks;
reads studies; writes one while nobody else does; adds a folder `export/` to one; removes one."""
