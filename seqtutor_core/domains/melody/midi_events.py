"""The events of one track of a Standard MIDI File, whatever they say: each is passed on, or skipped, by its length."""

from collections.abc import Iterator

END_OF_TRACK = b"\xff\x2f"
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2, 0xF1: 1, 0xF2: 2, 0xF3: 1}


def events(track: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (tick, status, content) of each event; a meta event's content begins with its kind.

    Raises IndexError for bytes that are no event, after the end of the track too, as reading beyond the end does.
    """
    at = tick = running = 0
    while at < len(track):
        delta, at = _number(track, at)
        tick += delta
        status, start = track[at], at + 1
        if status < 0x80:
            status, start = running, at
        elif status < 0xF0:
            running = status
        if not status:
            raise IndexError
        at = start
        if status == 0xFF:
            length, at = _number(track, start + 1)
        elif status in (0xF0, 0xF7):
            length, at = _number(track, start)
        else:
            length = DATA_BYTES.get(status if status >= 0xF0 else status & 0xF0, 0)
        if at + length > len(track):
            raise IndexError
        content = track[at : at + length]
        yield tick, status, track[start : start + 1] + content if status == 0xFF else content
        at += length
        if status == 0xFF and track[start] == END_OF_TRACK[1]:
            if track[at:].strip(b"\0"):
                raise IndexError
            return


def _number(track: bytes, at: int) -> tuple[int, int]:
    """Read a number of up to four bytes of seven bits; return it and where it ends."""
    value = 0
    for place in range(at, at + 4):
        value = value << 7 | track[place] & 0x7F
        if track[place] < 0x80:
            return value, place + 1
    raise IndexError
