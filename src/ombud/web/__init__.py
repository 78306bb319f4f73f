"""The console for staff and the pages for the public."""
