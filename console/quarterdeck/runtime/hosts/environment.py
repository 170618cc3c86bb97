"""The environment of a plugin's host: an allow-list, so that secrets of the runtime's shell do not reach every plugin."""

from collections.abc import Mapping

_NAMES = frozenset(
    {
        "ALL_PROXY",
        "COLUMNS",
        "CURL_CA_BUNDLE",
        "DBUS_SESSION_BUS_ADDRESS",
        "DOCKER_CERT_PATH",
        "DOCKER_CONFIG",
        "DOCKER_CONTEXT",
        "DOCKER_HOST",
        "DOCKER_TLS_VERIFY",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "JAVA_HOME",
        "KUBECONFIG",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LOGNAME",
        "NO_PROXY",
        "PATH",
        "QUARTERDECK_HOME",
        "QUARTERDECK_PLUGIN_PATH",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
)
_PREFIXES = ("LC_", "XDG_", "OMP_", "OPENBLAS_", "MKL_", "PYTHON")

#: These would make the host run other code than the plugin's, or stop and wait for a terminal.
_NEVER = frozenset({"PYTHONINSPECT", "PYTHONSTARTUP", "PYTHONBREAKPOINT"})


def host_environment(variables: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """What a host sees of the runtime's variables, and what the runtime adds."""
    allowed = {
        name: value
        for name, value in variables.items()
        if (name.upper() in _NAMES or name.startswith(_PREFIXES)) and name not in _NEVER
    }
    return {**allowed, "PYTHONUNBUFFERED": "1", **extra}
