"""A plugin whose native code crashes."""

import ctypes

ctypes.string_at(0)
