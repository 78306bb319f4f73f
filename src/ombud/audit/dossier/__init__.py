"""One app to the bone: what it read, how, of whom, what would explain it; the document, and the people it affected."""
