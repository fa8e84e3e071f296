"""Write the schemas: `python -m nanclean.schemas`."""

from nanclean.schemas import FOLDER, written

for name, text in written().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
