"""Keys reach what the user sees after the keys before them: a key that was typed before a menu, form or prompt was there goes to it."""

from collections import OrderedDict

from textual import events

#: Keys that may be on their way at once; an input line keeps the keys that it is given, and they never come back.
_ON_THEIR_WAY = 256


class KeyRelay:
    """Remembers where each key was sent, and keeps keys back while something opens. `awaited` is a key that goes its way all the same.

    Textual hands a key to whatever has the focus at once, while the key before it may still be about to open something else. A key that
    comes back unused is sent on when the focus has moved meanwhile (`strayed`); while a screen is being made, keys wait (`hold`), and so they do
    while a line that is being typed has been given a key which may end it.
    """

    def __init__(self) -> None:
        self.awaited: events.Key | None = None
        self._reasons: set[str] = set()
        self._sent: OrderedDict[int, tuple[events.Key, object]] = OrderedDict()
        self._held: list[events.Key] = []

    def sent(self, key: events.Key, target: object) -> None:
        """A key goes to a widget."""
        self._sent[id(key)] = (key, target)
        while len(self._sent) > _ON_THEIR_WAY:
            self._sent.popitem(last=False)

    def strayed(self, key: events.Key, focus: object) -> bool:
        """Whether a key that came back unused was sent to something that has not got the focus any more."""
        known = self._sent.pop(id(key), None)
        return known is not None and known[0] is key and known[1] is not focus

    @property
    def holding(self) -> bool:
        """Whether keys are kept back."""
        return bool(self._reasons)

    def hold(self, reason: str) -> None:
        """Keeps keys back from now on."""
        self._reasons.add(reason)

    def keep(self, key: events.Key) -> None:
        """One key that waits."""
        self._sent.pop(id(key), None)
        self._held.append(again(key))

    def release(self, reason: str) -> list[events.Key]:
        """One reason to keep keys back is gone, or (empty) all of them; gives the keys that have waited, in their order, after the last."""
        self._reasons = self._reasons - {reason} if reason else set()
        if self._reasons:
            return []
        held, self._held = self._held, []
        return held


def again(key: events.Key) -> events.Key:
    """The same key, not sent to anybody yet."""
    return events.Key(key.key, key.character)
