"""Old logs from before there was a gate: what they rest on, what they lack, what their permissions opened."""
