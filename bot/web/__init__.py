"""Edge: webhooks, health, and the pages."""
