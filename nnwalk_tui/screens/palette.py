"""The palette's source: the one command table, and the keys."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from nnwalk_tui import actions


class Commands(Provider):
    """Every command of the table; one that needs arguments goes to the command line."""

    async def discover(self) -> Hits:
        """All commands."""
        for text, about in actions.palette():
            yield DiscoveryHit(text, partial(self._choose, text), help=about)

    async def search(self, query: str) -> Hits:
        """The commands that match by name or by what they do."""
        matcher = self.matcher(query)
        for text, about in actions.palette():
            score = max(matcher.match(text), 0.8 * matcher.match(about))
            if score > 0:
                yield Hit(score, matcher.highlight(text), partial(self._choose, text), help=about)

    async def _choose(self, text: str) -> None:
        spec = actions.find(text.split()[0])
        if spec.needs_argument and text == spec.name:
            text = f"command {text} "
        await self.app.run_action(f"press({text!r})")
