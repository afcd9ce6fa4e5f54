"""An answer as one page that needs nothing else: HTML with its own style and inline SVG."""
