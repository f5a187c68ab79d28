"""openapi_json.py IN.yaml OUT.json: the same document, byte for byte the same from the same input."""
import json
import sys

import yaml


def main(source, target):
    with open(source, encoding="utf-8") as file:
        document = yaml.load(file, Loader=yaml.SafeLoader)
    with open(target, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
