#!/usr/bin/env python3
"""Writes api/native_paths_table.inc: the exchange's paths, and which of them pass.

usage: tools/make_paths.py endpoints.json > api/native_paths_table.inc

The input lists the documented calls as {"endpoints": [{"method", "path"}]}. A call by GET reads. What a POST does
its method does not say: the lists below name the reads, and the writes that pass; every other POST is off. A new
call of the exchange is therefore off until somebody has looked at it.
"""
import json
import re
import sys

# POSTs that only read: they list, look up, validate or estimate.
READS = """
/v5/alpha/lp/order-list /v5/alpha/lp/pay-token-list /v5/alpha/lp/pay-token-price /v5/alpha/lp/pool-info
/v5/alpha/lp/pool-list /v5/alpha/lp/position-list
/v5/alpha/prediction/event-detail /v5/alpha/prediction/order-book /v5/alpha/prediction/order-estimate
/v5/alpha/prediction/order-list /v5/alpha/prediction/portfolio-summary /v5/alpha/prediction/position-history
/v5/alpha/prediction/position-list /v5/alpha/prediction/price-history /v5/alpha/prediction/side-market-list
/v5/alpha/prediction/sports/group-stage-detail /v5/alpha/prediction/sports/match-list
/v5/alpha/prediction/token-price
/v5/alpha/trade/asset-detail /v5/alpha/trade/asset-list /v5/alpha/trade/biz-token-details
/v5/alpha/trade/biz-token-list /v5/alpha/trade/biz-token-price-list /v5/alpha/trade/order-list
/v5/alpha/trade/pay-token-list
/v5/broker/award/distribution-record /v5/broker/award/info
/v5/card/reward/mall/item/list /v5/card/reward/point/cashback/detail /v5/card/reward/points/balance
/v5/card/reward/points/records /v5/card/reward/points/tier /v5/card/transaction/query-asset-records
/v5/crypto-loan-common/max-loan
/v5/fcombobot/detail /v5/fcombobot/getlimit /v5/fgridbot/detail /v5/fgridbot/validate
/v5/fmartingalebot/detail /v5/fmartingalebot/getlimit /v5/grid/query-grid-detail /v5/grid/validate-input
/v5/p2p/item/info /v5/p2p/item/personal/list /v5/p2p/order/info /v5/p2p/order/message/listpage
/v5/p2p/order/pending/simplifyList /v5/p2p/order/simplifyList /v5/p2p/user/order/personal/info
/v5/p2p/user/payment/list /v5/p2p/user/personal/info
""".split()

# Orders that the journal follows.
ORDERS = """
/v5/order/amend /v5/order/amend-batch /v5/order/cancel /v5/order/cancel-all /v5/order/cancel-batch
/v5/order/create /v5/order/create-batch
""".split()

# Not move-positions: that gives positions to another account.
POSITIONS = """
/v5/position/add-margin /v5/position/confirm-pending-mmr /v5/position/set-auto-add-margin
/v5/position/set-leverage /v5/position/set-risk-limit /v5/position/set-tpsl-mode
/v5/position/switch-isolated /v5/position/switch-mode /v5/position/trading-stop
""".split()

# Settings, and the pre-check, which places no order.
ACCOUNT = """
/v5/account/mmp-modify /v5/account/mmp-reset /v5/account/set-collateral-switch
/v5/account/set-collateral-switch-batch /v5/account/set-delta-mode /v5/account/set-hedging-mode
/v5/account/set-limit-px-action /v5/account/set-margin-mode
/v5/order/disconnected-cancel-all /v5/order/pre-check
/v5/spot-margin-trade/set-auto-repay-mode /v5/spot-margin-trade/set-leverage
/v5/spot-margin-trade/switch-mode
""".split()

LISTS = {"NATIVE_READ": READS, "NATIVE_ORDER": ORDERS, "NATIVE_POSITION": POSITIONS, "NATIVE_ACCOUNT": ACCOUNT}


def build(entries):
    table = {}
    for entry in entries:
        method, path = entry["method"], entry["path"]
        if method not in ("GET", "POST"):
            sys.exit("what does %s %s do?" % (method, path))
        if not re.fullmatch(r"/v5(/[A-Za-z0-9_-]+)+", path):
            sys.exit("an odd path: %s" % path)
        table[path, method] = "NATIVE_READ" if method == "GET" else "NATIVE_OFF"
    for name, paths in LISTS.items():
        for path in paths:
            if table.get((path, "POST")) != "NATIVE_OFF":
                sys.exit("POST %s is not in the input, or is here twice" % path)
            table[path, "POST"] = name
    return table


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        table = build(json.load(file)["endpoints"])
    print("/* Made by tools/make_paths.py: do not edit. Sorted by path and method. */")
    for (path, method), name in sorted(table.items()):
        print('{ "%s", "%s", %s },' % (path, method, name))


if __name__ == "__main__":
    main()
