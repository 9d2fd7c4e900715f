//! Arguments: the AWS account or endpoint and the cluster that a command uses.

use camino::Utf8PathBuf;
use clap::Args;

/// The heading, in help, of the options about the AWS account or endpoint.
const AWS: &str = "AWS and the lab";

/// The heading, in help, of the options about an existing cluster.
const CLUSTER: &str = "An existing cluster";

/// Which AWS to talk to.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// Run against an in-process lab instead of AWS
    #[arg(long, help_heading = AWS)]
    pub(crate) lab: bool,
    /// Seed of the lab's random numbers: the same matrix, seed and version give the same report
    #[arg(
        long,
        requires = "lab",
        default_value_t = 1,
        value_name = "NUMBER",
        hide_short_help = true,
        help_heading = AWS
    )]
    pub(crate) seed: u64,
    /// Faults for the lab to inject: a file, or the name of a built-in scenario
    #[arg(long, requires = "lab", value_name = "FILE", hide_short_help = true, help_heading = AWS)]
    pub(crate) scenario: Option<String>,
    /// Additional host profiles for the lab: a folder of YAML files, one per image that a matrix may name
    #[arg(
        long,
        alias = "profiles",
        requires = "lab",
        value_name = "DIR",
        hide_short_help = true,
        help_heading = AWS
    )]
    pub(crate) host_profiles: Option<Utf8PathBuf>,
    /// AWS profile to use; not with --lab
    #[arg(long, env = "AWS_PROFILE", value_name = "NAME", help_heading = AWS)]
    pub(crate) profile: Option<String>,
    /// Use this AWS endpoint URL ('amiproof lab', a moto server); not with --lab
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", help_heading = AWS)]
    pub(crate) endpoint_url: Option<String>,
    /// Whether --profile is on the command line: then its credentials count, and not those of the environment.
    #[arg(skip)]
    pub(crate) profile_is_named: bool,
    /// Whether --endpoint-url is on the command line: then it counts more than the endpoint that the environment names for a service.
    #[arg(skip)]
    pub(crate) endpoint_is_named: bool,
}

/// Which options for AWS the command line itself gives; others come from the environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    /// `--profile`.
    pub(crate) profile: bool,
    /// `--endpoint-url`.
    pub(crate) endpoint: bool,
}

impl Target {
    /// AWS, by a profile and an endpoint of the command line.
    pub(crate) fn aws(profile: Option<String>, endpoint_url: Option<String>) -> Self {
        let (profile_is_named, endpoint_is_named) = (profile.is_some(), endpoint_url.is_some());
        let (lab, seed, host_profiles, scenario) = (false, 1, None, None);
        Self { lab, seed, host_profiles, scenario, profile, endpoint_url, profile_is_named, endpoint_is_named }
    }

    /// With `--lab`, ignores the AWS settings of the environment. Rejects `--lab` together with an AWS option of the command line.
    pub(crate) fn settle(&mut self, named: Named) -> Result<(), String> {
        (self.profile_is_named, self.endpoint_is_named) = (named.profile, named.endpoint);
        if !self.lab {
            return Ok(());
        }
        let twice = |option: &str| format!("the argument '--lab' cannot be used with '{option}'");
        if named.profile {
            return Err(twice("--profile <NAME>"));
        }
        if named.endpoint {
            return Err(twice("--endpoint-url <URL>"));
        }
        (self.profile, self.endpoint_url) = (None, None);
        Ok(())
    }
}

/// The cluster, if it is given by a kubeconfig.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Given {
    /// Use the cluster of this kubeconfig: nothing is provisioned, and AWS is called only with --profile or --endpoint-url
    #[arg(long, conflicts_with = "lab", value_name = "FILE", help_heading = CLUSTER)]
    pub(crate) kubeconfig: Option<Utf8PathBuf>,
    /// Context of the kubeconfig [default: the current context]
    #[arg(long, requires = "kubeconfig", value_name = "NAME", help_heading = CLUSTER)]
    pub(crate) context: Option<String>,
}
