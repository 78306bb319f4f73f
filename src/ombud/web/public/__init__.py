"""Pages for everybody: the ad archive, where figures come from, what this is."""
