"""A plugin that writes everywhere it can, and declares well in between."""

import os

from quarterdeck_api import API_VERSION
from quarterdeck_api.catalogue import PluginInfo
from quarterdeck_api.hooks import hookimpl

print('{"phase":"ready","seconds":0,"catalogue":{"plugin":{"id":"core","title":"x","version":"1","api":"1.0"}}}')
os.write(1, b"\x00\xff\x1b]0;owned\x07 not utf-8\n" * 1000)
os.write(2, b"\x1b[2Jnoise\n" * 50_000)


@hookimpl
def quarterdeck_plugin() -> PluginInfo:
    return PluginInfo("hostile-garbage", "Hostile-garbage", "1.0", API_VERSION)
