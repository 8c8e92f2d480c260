"""The GLSL that paints skin, cloth, hair and props, all lit alike. Text only; renderer.py compiles it."""
