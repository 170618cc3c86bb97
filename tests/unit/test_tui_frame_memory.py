"""What a terminal shows after only the news of each frame were sent is what it shows after all frames were."""

import random

import pyte

from quarterdeck.tui.frame_memory import FrameMemory

WIDTH, HEIGHT = 12, 4


def full(lines: list[str], cursor: int = 1) -> str:
    text = "\n".join(f"\x1b[{y};1H\x1b[31m{line:<{WIDTH}}\x1b[0m" for y, line in enumerate(lines, 1))
    return f"{text}\x1b[{cursor};1H"


def part(y: int, x: int, text: str, cursor: int = 1) -> str:
    return f"\x1b[{y};{x}H\x1b[32m{text}\x1b[0m\x1b[{cursor};1H"


def test_a_frame_that_is_shown_already_is_not_sent() -> None:
    memory = FrameMemory()
    frame = full(["one", "two"])
    assert "one" in memory.news(frame)
    assert memory.news(frame) == ""


def test_only_lines_that_differ_are_sent() -> None:
    memory = FrameMemory()
    memory.news(full(["one", "two", "three"]))
    news = memory.news(full(["one", "zwei", "three"]))
    assert "zwei" in news
    assert "one" not in news
    assert "three" not in news


def test_the_cursor_alone_is_news() -> None:
    memory = FrameMemory()
    memory.news(full(["one", "two"], cursor=1))
    assert memory.news(full(["one", "two"], cursor=2)) == "\x1b[2;1H"


def test_a_line_that_was_partly_overwritten_is_sent_again() -> None:
    memory = FrameMemory()
    memory.news(full(["one", "two"]))
    memory.news(part(1, 2, "XX"))
    assert "one" in memory.news(full(["one", "two"]))


def test_after_a_switch_of_screens_and_after_clearing_everything_is_sent() -> None:
    memory = FrameMemory()
    frame = full(["one", "two"])
    memory.news(frame)
    assert memory.news("\x1b[?1049h") == "\x1b[?1049h"
    assert memory.news(frame) == memory_free(frame)
    memory.clear()
    assert memory.news(frame) == memory_free(frame)


def memory_free(frame: str) -> str:
    return FrameMemory().news(frame)


def test_what_is_no_frame_passes() -> None:
    assert FrameMemory().news("\x1b]0;title\x07") == "\x1b]0;title\x07"


def test_terminals_agree_after_any_frames() -> None:
    rng = random.Random(7)
    whole, sparse = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    to_whole, to_sparse = pyte.Stream(whole), pyte.Stream(sparse)
    memory, sent = FrameMemory(), 0
    for _ in range(300):
        lines = [rng.choice(["alpha", "beta", ""]) for _ in range(HEIGHT)]
        spot = part(rng.randint(1, HEIGHT), rng.randint(1, 8), rng.choice(["x", "yy"]), rng.randint(1, HEIGHT))
        frame = full(lines, rng.randint(1, HEIGHT)) if rng.random() < 0.5 else spot
        news = memory.news(frame)
        sent += len(news) < len(frame)
        to_whole.feed(frame)
        to_sparse.feed(news)
        assert sparse.buffer == whole.buffer
        assert (sparse.cursor.x, sparse.cursor.y) == (whole.cursor.x, whole.cursor.y)
    assert sent > 100
