"""What machines ask for: the OpenAPI document, health, reports of browsers."""
