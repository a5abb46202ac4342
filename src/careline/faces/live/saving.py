"""When the ledger cannot be written to for a while, every page is told so at once, and told when it can again."""

from __future__ import annotations

from careline.faces.live.board import Board


class Saving:
    """`waits`: nothing is being saved at this moment. Talks go on; what is pressed waits for the database."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.waits = False

    def look(self) -> None:
        """Several times a second: has it begun, or is it over?"""
        waits = self._board.switchboard.unanswered_s > self._board.patience.saving_s
        if waits == self.waits:
            return
        self.waits = waits
        for listener in list(self._board.hub.listeners):
            self._board.hub.tell(listener, "saving", {"waits": waits})
