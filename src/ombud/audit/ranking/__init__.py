"""Every app in order of what stands out about it beside apps like it, with reasons."""
