//! The matrix file that `amiproof init` writes: small, complete and explained.

/// The starter file. `schema` is where editors find the JSON Schema of matrix files: a path relative to the file, or a URL.
pub fn starter(schema: &str) -> String {
    format!("# yaml-language-server: $schema={schema}\n{STARTER}")
}

const STARTER: &str = r#"# Which AMI variants to test, and in which cluster. `amiproof check` validates this file without any network access.
apiVersion: amiproof/v1
kind: Matrix
metadata:
  name: nightly

cluster:
  name: ami-conformance
  region: us-west-2
  kubernetesVersion: "1.35"     # in quotes: 1.30 without them would be the number 1.3
  create: true                  # amiproof creates the cluster and deletes it afterwards; false uses an existing one

# Defaults for every variant.
defaults:
  nodes: 2                      # two nodes, so that traffic between nodes of one variant is tested
  instanceTypes: [m6i.large]
  capacity: on-demand           # a spot instance can go away in the middle of a scan
  timeouts: {check: 5m, osScan: 45m}     # nodesReady is 8m, and 20m for Windows

variants:
  # The stock image, as the control group. A check that fails here too was not broken by the hardening.
  - name: al2023-eks
    family: al2023
    ami: {ssm: recommended}     # the newest image that AWS recommends

  # A hardened image, compared with the stock one.
  - name: al2023-cis-l1
    family: al2023
    reference: al2023-eks
    hardening: {benchmark: cis-al2023-1.0.0, level: 1}
    ami:
      # Your own build on top of a CIS or stock image: one of id, ssm, filter, packerManifest and imageBuilder. A plain CIS image from the Marketplace
      # contains no kubelet and cannot join a cluster.
      filter: {owner: self, name: "al2023-cis-l1-eks-*"}
      # id: ami-0123456789abcdef0
      # packerManifest: build/manifest.json
    # userData: {merge: userdata/al2023.yaml}

# All suites run except opt-in ones: `disruptive` reboots, restarts and drains nodes after everything else has run.
# suites:
#   with: [disruptive]
#   include: [node, workload, kubelet-path, kube-bench, os-cis]
#   exclude: [os-cis]

# amiproof's own sample apps, and folders with your own.
workloads: [builtin]

# Exceptions with an owner, a reason and a date.
# waivers: waivers.yaml

# Where `amiproof nightly` keeps its reports, and finds the last good night to compare with: a folder or a bucket.
# history: {store: s3://amiproof-nights/team-a, keep: 400d}
"#;
