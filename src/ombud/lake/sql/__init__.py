"""Named queries over the lake's tables and over rows on their way into it."""
