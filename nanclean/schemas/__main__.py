"""Write the schemas, `python -m nanclean.schemas`, or tell where one is: `python -m nanclean.schemas policy-1.json`."""

import sys

from nanclean.schemas import FOLDER, places, written

known = sorted(path.name for path in FOLDER.glob("*.json"))
for name in sys.argv[1:]:
    if name not in known:
        sys.exit(f"error: there is no schema {name!r}\nhint: there are: {', '.join(known)}")
    print((FOLDER / name).as_uri())
for folder in places() if len(sys.argv) == 1 else ():
    folder.mkdir(exist_ok=True)
    for name, text in written().items():
        (folder / name).write_text(text, encoding="utf-8")
