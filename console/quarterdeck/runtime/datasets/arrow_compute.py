"""The functions of pyarrow.compute: they are made when it is imported, so a type checker knows none of them."""

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
