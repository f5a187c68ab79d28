#!/usr/bin/env python3
"""All fills as CSV, page after page:   export_fills.py [FILE [QUERY]]   for example export_fills.py day.csv from=today

The file appears when it is whole. Exit status: 0 written, 1 refused or failed.
"""
import os
import re
import sys
import urllib.error
import urllib.request

BRIDGE = os.environ.get("BRIDGE_URL", "http://127.0.0.1:8787")
path = sys.argv[1] if len(sys.argv) > 1 else "fills.csv"
next_page = "/fills.csv?limit=1000" + ("&" + sys.argv[2] if len(sys.argv) > 2 else "")
rows = 0

try:
    with open(path + ".part", "wb") as file:
        while next_page:
            with urllib.request.urlopen(BRIDGE + next_page, timeout=60) as page:
                lines = page.read().splitlines(keepends=True)
                link = re.match(r'<([^>]*)>; *rel="next"', page.headers.get("Link", ""))
            # Each page begins with the line of column names: it is kept from the first.
            file.writelines(lines if file.tell() == 0 else lines[1:])
            rows += len(lines) - 1
            next_page = link.group(1) if link else None
    os.replace(path + ".part", path)
except urllib.error.HTTPError as problem:
    sys.exit("%d from %s: %s" % (problem.code, next_page, problem.read().decode()))
except OSError as error:
    sys.exit("%s%s: %s" % (BRIDGE, next_page, error))
finally:
    if os.path.exists(path + ".part"):
        os.unlink(path + ".part")
print("%d fills in %s" % (rows, path))
