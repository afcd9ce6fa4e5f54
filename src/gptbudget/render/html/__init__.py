"""An answer as one self-contained page: HTML with its own style and inline SVG."""
