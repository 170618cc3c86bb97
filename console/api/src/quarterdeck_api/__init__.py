"""All that a plugin, a worker or a managed process needs: vocabulary, contract, protocols, and the programs that run plugin code."""

__version__ = "0.1.0"

#: Version of the plugin contract, `major.minor`. A plugin that asks for another major version, or a later minor one, is refused.
API_VERSION = "1.0"
