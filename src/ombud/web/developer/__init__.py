"""Pages for developers of apps, who come by a link of their own."""
