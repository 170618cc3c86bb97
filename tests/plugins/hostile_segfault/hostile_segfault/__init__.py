"""A plugin whose native code crashes."""
