#!/usr/bin/env python3
"""Writes aws.json, the prices that estimates are made with.

    pip download --no-deps --only-binary=:all: --python-version 3.14 clont
    unzip -p clont-*.whl clont/finops/aws/prices.json > table.json
    python3 refresh.py table.json > aws.json

The table of the package `clont` (PyPI) is made from the AWS Price List bulk API: On-Demand, USD, Linux, shared tenancy. Nothing of it is changed
here; what is not needed is left out. The other figures are those below, each with its source, and are looked up by hand. What has no
source is left out, and is then a price that is not known.
"""

import json
import re
import sys

# Families that nodes of EKS are made of: general purpose, compute, memory and burstable, of recent generations.
FAMILY = re.compile(r"^([mcr][5-8](a|i|g|i-flex)?|t3|t3a|t4g)$")
SIZES = ["medium", "large", "xlarge", "2xlarge", "4xlarge"]

SOURCES = [
    "AWS Price List bulk API, https://pricing.us-east-1.amazonaws.com, as collected in https://pypi.org/project/clont/ 0.3.0: "
    "instances, gp3, NAT gateway, public IPv4 address",
    "https://github.com/aws/karpenter-provider-aws, pkg/providers/pricing (2026-07-20): instances in us-east-1, the same figures",
    "https://aws.amazon.com/blogs/containers/amazon-eks-extended-support-for-kubernetes-versions-pricing/: EKS control plane",
    "https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html: end of standard support",
    "https://strategic-blue.com/resources/blog/understanding-windows-license-costs-on-aws-analysis-and-pricing-insights: Windows, "
    "per vCPU and hour, not for burstable types",
]

# USD per hour; the same in all regions of the partition `aws`. No source was found for the others.
CONTROL_PLANE = {"standard": 0.10, "extended": 0.60}

# USD per vCPU and hour on top of the price of Linux, of the families m, c and r.
WINDOWS = 0.046

# The day on which the standard support of a version ends.
STANDARD_SUPPORT = {
    "1.30": "2025-07-23",
    "1.31": "2025-11-26",
    "1.32": "2026-03-23",
    "1.33": "2026-07-29",
    "1.34": "2026-12-02",
    "1.35": "2027-03-28",
    "1.36": "2027-08-02",
}


def region(name, row):
    """The prices of a region, in the format of aws.json."""
    instances = {}
    for kind, price in sorted(row["ec2_hourly"].items()):
        family, _, size = kind.partition(".")
        if FAMILY.match(family) and size in SIZES:
            instances.setdefault(family, {})[size] = float(price)
    for family, prices in instances.items():
        instances[family] = {size: prices[size] for size in SIZES if size in prices}
    made = {
        "gp3GbMonth": float(row["ebs_gb_month"]["gp3"]),
        "natGateway": float(row["nat_gateway_hourly"]),
        "publicIpv4": float(row["public_ipv4_hourly"]),
    }
    if not name.startswith(("us-gov-", "cn-")):
        made["controlPlane"] = CONTROL_PLANE
    return {**made, "windowsVcpu": WINDOWS, "instances": instances}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        table = json.load(file)
    regions = {name: region(name, row) for name, row in sorted(table["regions"].items())}
    head = {"date": table["generated_at"][:10], "sources": SOURCES, "standardSupport": STANDARD_SUPPORT}
    out = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "regions": {\n'
    rows = []
    for name, prices in regions.items():
        families = prices.pop("instances")
        lines = ",\n".join(f"   {json.dumps(family)}: {json.dumps(sizes)}" for family, sizes in families.items())
        rest = json.dumps(prices)[1:-1]
        rows.append(f'  {json.dumps(name)}: {{{rest}, "instances": {{\n{lines}\n  }}}}')
    print(out + ",\n".join(rows) + "\n }\n}")


main()
