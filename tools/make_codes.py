#!/usr/bin/env python3
"""Writes bybit/codes_table.inc: what each retCode of an order call over REST proves.

usage: tools/make_codes.py ret_codes.json > bybit/codes_table.inc

The input lists the documented codes as {"codes": [{"code", "group", "class", "meaning"}]}. Codes that only calls
other than order create, amend and cancel can answer are left out: what is not in the table is AMBIGUOUS.
"""
import json
import sys

# Stands above the input, for orders.
FIXED = {
    "DUPLICATE": [110072, 170141],
    "REFUSED": [-1, 10002, 10006, 10403, 10429, 20003, 170005, 170222],
    "AUTH": [10003, 10004, 10005, 10010, 33004, -2015],
    "AMBIGUOUS": [429, 10000, 10014, 10016, 10019, 20006, 110079, 170001, 170007, 170032, 170035, 170146, 170147,
                  170149, 170150, 170234, 170310, 170311, 500000,
                  # Something with that id exists there: look, do not believe.
                  110030],
}
BY_CLASS = {
    "auth": "AUTH",
    "timestamp": "REFUSED",
    "rate_limit": "REFUSED",
    "unknown_outcome": "AMBIGUOUS",
    "bad_request": "REJECT",
    "permission": "REJECT",
    "compliance": "REJECT",
    "insufficient": "REJECT",
    "limit": "REJECT",
    "not_found": "REJECT",
    "conflict": "REJECT",
    "state": "REJECT",
    "rejected": "REJECT",
    "exchange_unavailable": "REJECT",  # 170031: the feature is suspended
}
# What order calls can answer. Setters' "no change" codes never belong to an order.
RANGES = [(-2015, 40004), (100028, 100028), (110001, 110070), (110072, 110199), (170000, 170999)]
SINGLE = {500000, 3100197, 3100326, 3200316, 3200317, 3200403, 3400139}


def relevant(entry):
    code = entry["code"]
    if code == 0 or entry["class"] == "no_change" or entry["group"] not in ("uta", "spot"):
        return False
    return code in SINGLE or any(low <= code <= high for low, high in RANGES)


def build(entries):
    table = {}
    for entry in entries:
        if not relevant(entry):
            continue
        if entry["code"] in table:
            sys.exit("code %d is in both groups" % entry["code"])
        table[entry["code"]] = (BY_CLASS[entry["class"]], entry["meaning"])
    for name, codes in FIXED.items():
        for code in codes:
            meanings = [e["meaning"] for e in entries if e["code"] == code]
            meaning = table[code][1] if code in table else (meanings or [""])[0]
            table[code] = (name, meaning)
    return table


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        table = build(json.load(file)["codes"])
    print("/* Made by tools/make_codes.py: do not edit. Sorted by code. */")
    for code in sorted(table):
        name, meaning = table[code]
        meaning = meaning.replace("*/", "* /").encode("ascii", "replace").decode()
        print("{ %d, ANSWER_%s }, /* %s */" % (code, name, meaning))


if __name__ == "__main__":
    main()
