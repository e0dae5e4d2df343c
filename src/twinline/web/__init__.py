"""Web: what people look at. Everything is served from here, nothing from elsewhere."""
