#!/usr/bin/env python3
"""collect.py DIR [ITEMS]: collects items, slowly, one file each.

Two of these at once would pay for every item twice: nothing in the script prevents that,
the guard in front of it does (see collect.sh).
"""

import json
import os
import sys
import time


def collect(number):
    time.sleep(0.2)  # a request that costs something
    return {"item": number, "collector": os.getpid(), "at": time.time()}


def main():
    directory = sys.argv[1]
    items = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    os.makedirs(directory, exist_ok=True)
    for number in range(1, items + 1):
        # "x": an item that is there already has been paid for by another collector
        with open(os.path.join(directory, "item-%d.json" % number), "x") as out:
            json.dump(collect(number), out)
    print("collected %d items" % items)


if __name__ == "__main__":
    main()
