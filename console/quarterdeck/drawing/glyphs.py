"""The glyph of every health, so that states can be told without colour."""

from quarterdeck_api.resources import Health

GLYPHS = {
    Health.OK: "●",
    Health.BUSY: "◐",
    Health.DEGRADED: "▲",
    Health.FAILED: "✖",
    Health.STOPPED: "■",
    Health.UNKNOWN: "?",
}
