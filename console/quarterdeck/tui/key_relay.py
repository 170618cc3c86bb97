"""Keys reach what the user sees after the keys before them: a key that was typed before a menu, form or prompt was there goes to it."""

from collections import OrderedDict
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.timer import Timer

#: Keys that may be on their way at once; an input line keeps the keys that it is given, and they never come back.
_ON_THEIR_WAY = 256

#: Seconds that keys wait at most for what they are meant for.
_LONGEST_HOLD = 2.0

#: Why keys wait: a screen opens, or a key is on its way that may end a line.
_OPENING, _KEY = "opening", "key"


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


class KeyedApp(App[None]):
    """An application whose keys go where the user means them, and can be changed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.keys = KeyRelay()
        self.key_problems = ""
        self._longest_hold: Timer | None = None

    @property
    def typed_into(self) -> object:
        """The line that is being typed into; None when there is none."""
        return None

    def say(self, message: str, *, error: bool = False) -> None:
        """Says something to the user."""

    async def on_event(self, event: events.Event) -> None:
        """Sees to it that keys go to what the keys before them have opened."""
        if not isinstance(event, events.Key):
            await super().on_event(event)
            return
        if self.keys.holding and event is not self.keys.awaited:
            event.stop()
            self.keys.keep(event)
            return
        focus = self.focused or self.screen
        if event.is_forwarded and self.keys.strayed(event, focus):
            event.stop()
            event = again(event)
        if not event.is_forwarded:
            self.keys.sent(event, focus)
            if focus is self.typed_into and not event.is_printable:
                self.keys.awaited = event  # It may end the line: what follows must not be typed into it.
                self.hold_keys(_KEY)
            await super().on_event(event)
        else:
            await super().on_event(event)
            if event is self.keys.awaited:
                self.release_keys(_KEY)

    def hold_keys(self, reason: str = _OPENING) -> None:
        """Keeps keys back: something is about to open that they are meant for."""
        if self._longest_hold is None:
            self._longest_hold = self.set_timer(_LONGEST_HOLD, lambda: self.release_keys(""))
        self.keys.hold(reason)

    def release_keys(self, reason: str = _OPENING) -> None:
        """What was to open is there, or will not be: keys that have waited go on."""
        if self.keys.holding:
            for key in self.keys.release(reason):
                self.post_message(key)
        if not self.keys.holding and self._longest_hold is not None:
            self._longest_hold.stop()
            self._longest_hold = None

    def push_screen(self, screen: Any, *arguments: Any, **options: Any) -> Any:
        """Shows a screen; keys wait until it is there to take them."""
        self.hold_keys()
        pushed = super().push_screen(screen, *arguments, **options)
        self.screen.call_later(self.release_keys)
        return pushed

    def set_keys(self, keys: dict[str, str]) -> None:
        """Uses other keys; what is wrong with them is said."""
        from quarterdeck.tui.key_contexts import key_contexts
        from quarterdeck.tui.keys import check_keys_everywhere, with_letters_given_way

        keys = with_letters_given_way(keys)
        self.key_problems = (
            f"keys: {'; '.join(found)}" if (found := check_keys_everywhere(keys, key_contexts())) else ""
        )
        self.set_keymap(keys)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Says which bindings want the same key, unless that has been said with the other wishes."""
        names = sorted({binding.id or binding.description for binding in clashed_bindings})
        # A binding of several keys that gets another one clashes with itself, as Textual sees it.
        if len(names) > 1 and all(name not in self.key_problems for name in names):
            self.key_problems += " ".join(names)
            self.say(f"keys: {', '.join(names)} lost their key to another binding", error=True)
